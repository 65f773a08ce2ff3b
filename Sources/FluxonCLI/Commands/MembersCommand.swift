import ArgumentParser
import FluxonCore

/// `fluxon members`
struct MembersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "members", abstract: "List the processes of the cluster.",
        discussion: """
            STATE, of an owner: in (it serves), silent (it serves, and its connection is gone), joining (not in the roster yet), bypassed \
            (the cluster goes on without its answers until it is back), lost (its values were given up). Of a master: leading, or standing \
            by until the leader is gone. Of an external: connected. FOR is how long the state has held, as far as the leading master has \
            seen it. LIFE counts an owner's starts. SILENT is how long the master has not heard of an owner.

            --network asks every owner for its devices and for what went over which path to whom. SET ASIDE is a path that failed lately: \
            others are tried before it until it is tried again. FALLBACKS counts reads that went on over another path. An owner that does \
            not answer within a second is shown with the reason.
            """)

    @Flag(help: "Show the owners' networks instead: devices, settings, and the paths to each peer.")
    var network = false

    @OptionGroup var attach: AttachOptions

    func run() async throws {
        let control = try ControlClient(path: attach.path(), timeout: attach.duration)
        guard !network else {
            let report = try await control.network(NetworkRequest())
            if attach.json { return Terminal.line(NetworkJSON.value(of: report).text()) }
            return NetworkText(report).show(paths: true)
        }
        let answer = try await control.members()
        guard !attach.json else {
            let members = answer.members.map(Self.json)
            Terminal.line(
                JSONValue.object([
                    ("cluster_name", .string(answer.clusterName)), ("term", .unsigned(answer.term)), ("members", .array(members)),
                ]).text())
            return
        }
        let rows = answer.members.map { member in
            let who = member.description
            return [
                who.role.name, who.instanceKey.name, member.state, Self.time(member.stateMilliseconds), "\(who.generation)",
                who.host.isEmpty ? "-" : who.host,
                "\(who.processID)",
                who.poolBytes == 0 ? "-" : ByteSize.describe(Int(clamping: who.poolBytes)), Self.time(member.silentMilliseconds),
                who.address.isEmpty ? (who.socket.isEmpty ? "-" : who.socket) : who.address,
            ]
        }
        let header = ["ROLE", "INSTANCE", "STATE", "FOR", "LIFE", "HOST", "PID", "POOL", "SILENT", "ADDRESS"]
        for line in Terminal.table(header: header, rows: rows) { Terminal.line(line) }
        Terminal.note("cluster \(answer.clusterName), term \(answer.term)")
    }

    private static func time(_ milliseconds: UInt64) -> String {
        Speed(bytes: 0, elapsed: .milliseconds(Int64(clamping: milliseconds))).time
    }

    private static func json(_ member: MembersAnswer.Member) -> JSONValue {
        let who = member.description
        func text(_ text: String) -> JSONValue { text.isEmpty ? .null : .string(text) }
        return .object([
            ("role", .string(who.role.name)), ("instance_key", .string(who.instanceKey.name)), ("state", .string(member.state)),
            ("generation", .unsigned(who.generation.number)), ("host", text(who.host)), ("pid", .unsigned(who.processID)),
            ("address", text(who.address)), ("bulk_address", text(who.bulkAddress)), ("socket", text(who.socket)),
            ("sub_cluster", text(who.subCluster)), ("pool_bytes", .unsigned(who.poolBytes)),
            ("silent_ms", .unsigned(member.silentMilliseconds)), ("state_ms", .unsigned(member.stateMilliseconds)),
        ])
    }
}
