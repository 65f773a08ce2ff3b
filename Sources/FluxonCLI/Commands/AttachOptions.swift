import ArgumentParser
import Fluxon
import FluxonCore

/// `--attach`, `--timeout` and `--json`: what every command takes that talks to a running cluster.
struct AttachOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Socket of an external or owner, or an owner's shared.json. Default: the environment's FLUXON_ATTACH.", valueName: "path"))
    var attach: String?

    @Option(help: ArgumentHelp("How long an operation may take, e.g. 500ms, 30s, 2min. Default: 30s.", valueName: "time"))
    var timeout: String?

    @Flag(help: "Print one JSON object on standard output instead of text.")
    var json = false

    func validate() throws {
        if let timeout, TimeSpan.parse(timeout) == nil {
            throw ValidationError("--timeout \(timeout): must be a time with ms, s, min or h, e.g. 30s")
        }
    }

    /// As it was given; nil: nobody has said how long.
    var wanted: Duration? { timeout.flatMap(TimeSpan.parse) }
    var duration: Duration { wanted ?? .seconds(30) }

    /// Where to attach.
    func path() throws -> String {
        if let attach, !attach.isEmpty { return try CommandLineBytes.path(attach) }
        if let path = CommandLineBytes.environment("FLUXON_ATTACH") { return try CommandLineBytes.path(path) }
        throw CommandFailure.usage(
            "nowhere to attach: give --attach PATH or set FLUXON_ATTACH to the socket of an external or owner, or to a shared.json; "
                + "`fluxon dev` starts a cluster and prints such a path")
    }

    /// - Parameter prefaults: Touch the whole pool first; worth its time only to a process that reads much.
    func connect(as name: String, prefaults: Bool = false) async throws -> Store {
        var options = Store.Options()
        options.name = name
        options.timeout = duration
        options.prefaults = prefaults
        return try await Store.connect(to: path(), options: options)
    }
}
