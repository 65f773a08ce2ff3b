import ArgumentParser
import FluxonCore
import FluxonSystem
import Foundation

/// `fluxon dev`: a whole cluster on this machine, in the foreground.
struct DevCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Run a cluster on this machine until Ctrl-C.",
        discussion: """
            Starts a master, owners, and one external at each owner, writes their annotated configurations and logs into a folder, waits \
            until every process says that it is ready, and shows where they are. Ctrl-C stops them in reverse order; a second Ctrl-C at \
            once. The cluster's metadata lives in a file of the master's, unless --etcd names an etcd; it ends with the cluster, as its \
            values do.

            Without --pool the pools take a quarter of the free /dev/shm, at most 1 GiB together.

            Examples:
              fluxon dev
              fluxon dev --owners 3 --workdir ~/cluster
              fluxon dev --without-master --etcd http://127.0.0.1:2379 --prefix b-
            """)

    @Option(help: ArgumentHelp("How many owners, each standing for one machine: 1 to \(Self.ownerLimit).", valueName: "n"))
    var owners = 2

    @Option(help: ArgumentHelp("Memory that each owner lends, e.g. 4GiB; all of it is taken at the start.", valueName: "size"))
    var pool: String?

    @Option(
        help: ArgumentHelp(
            "Folder for configurations, logs and sockets; kept. Default: a temporary one, removed at the end.", valueName: "dir"))
    var workdir: String?

    @Option(help: ArgumentHelp("An etcd that runs already, e.g. http://127.0.0.1:2379. May be given several times.", valueName: "url"))
    var etcd: [String] = []

    @Flag(help: "Join the master that the cluster of --etcd has.")
    var withoutMaster = false

    @Option(help: ArgumentHelp("The cluster's name; separates clusters in one etcd.", valueName: "name"))
    var clusterName = "dev"

    @Option(help: ArgumentHelp("Put before every instance_key, so that several `fluxon dev` can make up one cluster.", valueName: "text"))
    var prefix = ""

    @Flag(help: "Print one JSON object per process instead of a table: role, instance_key, pid, socket, address.")
    var json = false

    static let ownerLimit = 32
    private static let poolLimit: UInt64 = 1 << 30

    func validate() throws {
        guard (1...Self.ownerLimit).contains(owners) else { throw ValidationError("--owners \(owners): must be 1 to \(Self.ownerLimit)") }
        if let pool {
            guard let bytes = ByteSize.parse(pool), bytes >= OwnerConfiguration.minimumPoolBytes else {
                let least = ByteSize.describe(OwnerConfiguration.minimumPoolBytes)
                throw ValidationError("--pool \(pool): must be a size of \(least) or more, e.g. 512MiB")
            }
        }
        for text in etcd where (NetworkEndpoint(text)?.port ?? 0) == 0 {
            throw ValidationError("--etcd \(text): must be http://host:port, https://host:port or host:port, e.g. http://127.0.0.1:2379")
        }
        if withoutMaster, etcd.isEmpty {
            throw ValidationError("--without-master joins a running cluster: say where its etcd is with --etcd URL")
        }
        if let workdir, String(validating: CommandLineBytes.typed(workdir), as: UTF8.self) == nil {
            throw ValidationError("--workdir \(CommandLineBytes.shown(workdir)): must be UTF-8, as the configurations are that name it")
        }
        // The roles check their files again; here the option is named that the value came from.
        for (option, value) in [("--cluster-name", clusterName), ("--prefix", prefix + "x")] {
            guard value.utf8.count <= 200, value.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }),
                value.first.map({ $0.isLetter || $0.isNumber }) == true
            else { throw ValidationError("\(option): must be letters, digits, '-', '_' or '.', starting with a letter or digit") }
        }
    }

    func run() throws {
        let surroundings = try DevSurroundings(workdir: workdir.map { CommandLineBytes.shown($0) })
        do {
            try serve(try plan(in: surroundings), free: surroundings.freeBytes)
        } catch Supervisor.StartFailure.interrupted {
            surroundings.cleanUp(keepWorkFolder: false)
            throw CommandFailure.failed("interrupted before the cluster was ready")
        } catch {
            surroundings.cleanUp(keepWorkFolder: true)
            throw error
        }
        surroundings.cleanUp(keepWorkFolder: false)
    }

    private func plan(in surroundings: borrowing DevSurroundings) throws -> DevPlan {
        let executables = try DevSurroundings.executableFolder()
        let metadata: DevPlan.Metadata =
            try etcd.isEmpty ? .embedded(port: Kernel.freeLoopbackPort()) : .existing(etcd.compactMap { NetworkEndpoint($0) })
        let pool = try poolBytes(free: surroundings.freeBytes)
        let plan = DevPlan(
            clusterName: clusterName, prefix: prefix, ownerCount: owners, workFolder: surroundings.workFolder,
            poolFolder: surroundings.poolFolder,
            poolBytesPerOwner: Int(clamping: pool), metadata: metadata, hasMaster: !withoutMaster, executables: executables,
            ports: try (0...owners).map { _ in try Kernel.freeLoopbackPort() })
        guard plan.longestSocketPath.utf8.count <= Limits.socketPathBytes else {
            throw CommandFailure.usage(
                "\(plan.longestSocketPath): a socket's path may have \(Limits.socketPathBytes) bytes; give a shorter --workdir or --prefix")
        }
        return plan
    }

    /// Of each owner.
    private func poolBytes(free: UInt64) throws -> UInt64 {
        let wanted = pool.flatMap(ByteSize.parse).map { UInt64(clamping: $0) }
        let share = min(free / 4, Self.poolLimit) / UInt64(owners)
        let bytes = wanted ?? share - share % (1 << 20)
        guard bytes >= OwnerConfiguration.minimumPoolBytes, bytes <= free / UInt64(owners) else {
            throw CommandFailure.failed(
                "/dev/shm has \(ByteSize.describe(Int(clamping: free))) free, too little for \(owners) owners"
                    + "\(wanted == nil ? "" : " with --pool \(pool ?? "")"); free some, or give fewer --owners or a smaller --pool")
        }
        return bytes
    }

    private func serve(_ plan: DevPlan, free: UInt64) throws {
        let bytes = plan.poolBytesPerOwner * plan.ownerCount
        Terminal.note(
            "fluxon dev: \(plan.workFolder), pools of \(ByteSize.describe(bytes)) in all, of \(ByteSize.describe(Int(clamping: free))) free in /dev/shm"
        )
        try write(plan)
        var environment = ProcessInfo.processInfo.environment
        environment["FLUXON_ATTACH"] = nil
        let supervisor = try Supervisor(plan: plan, environment: environment)
        do {
            try start(plan, supervisor)
            announce(supervisor, plan)
            try supervisor.waitForSignal { process in
                Terminal.note(
                    "fluxon dev: \(process.member.instanceKey) (pid \(process.child.processID)) ended: \(process.ending.map(\.description) ?? ""); "
                        + "log: \(plan.logPath(process.member.instanceKey))")
            }
        } catch {
            try supervisor.stop()
            throw failure(error, plan)
        }
        Terminal.note("fluxon dev: stopping")
        try supervisor.stop()
    }

    /// Starts everything; on a terminal the line that tells of it goes when all is ready. What a process waits for stays to be read.
    private func start(_ plan: DevPlan, _ supervisor: Supervisor) throws {
        let isTerminal = Terminal.Stream.error.isTerminal
        var told: Set<String> = []
        supervisor.onStatus = { member, text in
            if isTerminal { Terminal.raw("\r\(member.instanceKey): \(text)\u{1B}[K") }
            guard text.hasPrefix(Self.waiting), told.insert("\(member.instanceKey) \(text)").inserted else { return }
            if isTerminal { Terminal.raw("\r\u{1B}[K") }
            Terminal.note("fluxon dev: \(member.instanceKey) \(text)")
        }
        defer {
            supervisor.onStatus = nil
            if isTerminal { Terminal.raw("\r\u{1B}[K") }
        }
        for members in plan.groups {
            if isTerminal { Terminal.raw("\rstarting \(members.map(\.instanceKey).joined(separator: ", "))\u{1B}[K") }
            try supervisor.start(members)
        }
    }

    /// How a role's status begins when it can do nothing but wait.
    private static let waiting = "waits: "

    private func write(_ plan: DevPlan) throws {
        for folder in [plan.logFolder, plan.configurationFolder, plan.workFolder + "/run"] { try File.makeDirectories(folder) }
        for number in 1...plan.ownerCount {
            try File.makeDirectories(plan.sharedFolder(number))
        }
        // Nor is there anything left of the cluster that an earlier run's master remembers: its owners' pools are gone, and this one would
        // wait until nobody could read them any more.
        for file in plan.metadataFiles { try File.remove(file) }
        for member in plan.groups.joined() {
            try File.replace(member.configuration.path, with: Array(member.configuration.text.utf8))
        }
    }

    private func announce(_ supervisor: Supervisor, _ plan: DevPlan) {
        let shown = supervisor.running
        guard !json else {
            for process in shown {
                let member = process.member
                Terminal.line(
                    JSONValue.object([
                        ("role", .string(member.role.rawValue)), ("instance_key", .string(member.instanceKey)),
                        ("pid", .integer(Int64(process.child.processID))), ("socket", member.socket.map { .string($0) } ?? .null),
                        ("address", member.address.map { .string($0) } ?? .null),
                    ]).text())
            }
            return
        }
        let rows = shown.map { process in
            let member = process.member
            return [member.role.rawValue, member.instanceKey, "\(process.child.processID)", member.address ?? "-", member.socket ?? "-"]
        }
        for line in Terminal.table(header: ["ROLE", "INSTANCE", "PID", "ADDRESS", "SOCKET"], rows: rows) { Terminal.line(line) }
        guard let external = shown.first(where: { $0.member.role == .external })?.member.socket else { return }
        Terminal.line(
            """

            Ready. In another terminal:
              export FLUXON_ATTACH=\(DevPlan.shell(external))
              fluxon kv put hello --file README.md
              fluxon kv get hello
            Logs: \(plan.logFolder). Ctrl-C stops everything.
            """)
    }

    /// The failure in words, with the last lines of the log that explains it.
    private func failure(_ error: any Error, _ plan: DevPlan) -> any Error {
        let member: DevPlan.Member
        let what: String
        switch error {
        case Supervisor.StartFailure.ended(let ended, let ending):
            member = ended
            what = "\(ended.instanceKey) ended before it was ready (\(ending))"
        case Supervisor.StartFailure.late(let late, let limit):
            member = late
            what = "\(late.instanceKey) was not ready within \(limit.components.seconds) s"
        default: return error
        }
        let log = plan.logPath(member.instanceKey)
        let text = (try? File.readAll(log, limit: 64 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let lines = text.split(separator: "\n").suffix(12).map { "  | \($0)" }
        return CommandFailure.failed((["\(what); the end of \(log):"] + lines).joined(separator: "\n"))
    }
}
