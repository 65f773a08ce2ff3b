private import CFluxonCommit
package import FluxonCore

/// Which build an executable is: what `--version` and `fluxon version` say, and a role's log when it starts.
package struct BuildIdentity: Hashable, Sendable {
    /// As whoever built it said; with `+changes` where the working tree had some. "unknown" where nobody said (decision 0049).
    package let commit: String
    package let protocolVersion: Int
    /// `release`, or `debug`, which is many times slower.
    package let build: String

    package static let current = BuildIdentity(
        commit: String(cString: cfluxon_commit()), protocolVersion: ProtocolVersion.current, build: configuration)

    private static var configuration: String {
        #if DEBUG
        return "debug"
        #else
        return "release"
        #endif
    }

    /// One line for a person: `fluxon-owner: commit 1f0c…, protocol 1, release build`.
    package func line(of program: String) -> String {
        "\(program): commit \(commit), protocol \(protocolVersion), \(build) build"
    }

    package func json(of program: String) -> JSONValue {
        .object([
            ("program", .string(program)), ("commit", .string(commit)), ("protocol", .integer(Int64(protocolVersion))),
            ("build", .string(build)),
        ])
    }
}
