package import FluxonCore

/// Which ways to a peer are worth trying first. A path that failed is set aside for a while and then tried first again, so that a
/// better path that returns is used again. Remembers failures only: without any nothing is looked up.
package struct PathHealth: Sendable {
    private struct Path: Hashable {
        let peer: InstanceKey
        let transport: String
    }

    private struct Failure {
        var backoff = Backoff(first: PathHealth.shortestPause, longest: PathHealth.longestPause, spread: 0)
        var asideUntil = BootInstant.zero
    }

    /// How long a path is set aside after its first failure; doubles with each one up to `longestPause`.
    package static let shortestPause: Duration = .milliseconds(100)
    package static let longestPause: Duration = .seconds(10)

    private var failures: [Path: Failure] = [:]

    package init() {}

    /// Whether it failed lately, so that any other way is tried before it.
    package func isAside(_ transport: String, to peer: InstanceKey, now: BootInstant) -> Bool {
        guard let until = asideUntil(transport, to: peer) else { return false }
        return now < until
    }

    package mutating func failed(_ transport: String, to peer: InstanceKey, now: BootInstant) {
        let path = Path(peer: peer, transport: transport)
        var failure = failures[path] ?? Failure()
        failure.asideUntil = now.advanced(by: failure.backoff.next())
        failures[path] = failure
    }

    package mutating func succeeded(_ transport: String, to peer: InstanceKey) {
        guard !failures.isEmpty else { return }
        failures[Path(peer: peer, transport: transport)] = nil
    }

    /// The peer left the roster.
    package mutating func forget(_ peer: InstanceKey) {
        failures = failures.filter { $0.key.peer != peer }
    }

    /// When the path will be tried first again; nil: it did not fail lately.
    package func asideUntil(_ transport: String, to peer: InstanceKey) -> BootInstant? {
        guard !failures.isEmpty else { return nil }
        return failures[Path(peer: peer, transport: transport)]?.asideUntil
    }
}
