import ArgumentParser
import FluxonCore

/// `fluxon recover`
struct RecoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Go on after etcd was wiped, replaced or restored from an older state, with what the owners hold.",
        discussion: """
            A master whose etcd does not know what an owner has seen stands still, and its log and `fluxon status` name the owners. Without \
            --yes this command only shows what would be kept. An owner that missed the last change of the cluster's roster keeps nothing: \
            what it holds may have been overwritten or removed since.

            Examples:
              fluxon recover
              fluxon recover --yes
              fluxon recover --yes --lost 1
            """)

    @Flag(help: "Do it, and do not only show it.")
    var yes = false

    @Option(help: ArgumentHelp("Go on without so many owners that are missing; what only they hold is gone.", valueName: "n"))
    var lost: UInt64 = 0

    @OptionGroup var attach: AttachOptions

    func run() async throws {
        let control = try ControlClient(path: attach.path(), timeout: attach.duration)
        var request = RecoveryRequest()
        request.isConfirmed = yes
        request.lost = lost
        let answer = try await control.recover(request)
        guard !attach.json else { return Terminal.line(json(answer).text()) }
        guard !answer.owners.isEmpty else {
            return Terminal.line("nothing to recover: this master's etcd knows what every owner that asks has seen")
        }
        let rows = answer.owners.map { [$0.instance.name, $0.isKept ? "kept" : "nothing kept: it missed the last change of the roster"] }
        for line in Terminal.table(header: ["OWNER", "VALUES"], rows: rows) { Terminal.line(line) }
        if answer.missing > 0 { Terminal.line("\(answer.missing) more owners had a part in the last known state and are not here") }
        guard !answer.isDone else { return Terminal.line("recovered; the owners report to the next term now") }
        let give = answer.missing > 0 ? " once they are back, or with --lost \(answer.missing) to give up what they hold" : ""
        Terminal.line("nothing is changed yet; run `fluxon recover --yes`\(give)")
    }

    private func json(_ answer: RecoveryAnswer) -> JSONValue {
        .object([
            (
                "owners",
                .array(answer.owners.map { .object([("instance_key", .string($0.instance.name)), ("kept", .bool($0.isKept))]) })
            ), ("missing", .unsigned(answer.missing)), ("done", .bool(answer.isDone)),
        ])
    }
}
