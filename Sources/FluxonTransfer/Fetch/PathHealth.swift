package import FluxonCore

/// Which ways to a peer are worth trying, in which order. A path that failed is set aside for a while and then tried first
/// again, so that a better path that returns is used again. Remembers failures only.
package struct PathHealth: Sendable {
    private struct Path: Hashable {
        let peer: InstanceKey
        let transport: String
    }

    private struct Failure {
        var count: Int
        var asideUntil: BootInstant
    }

    /// How long a path is set aside after its first failure; doubles with each one up to `longestPause`.
    package static let shortestPause: Duration = .milliseconds(100)
    package static let longestPause: Duration = .seconds(10)

    private var failures: [Path: Failure] = [:]

    package init() {}

    /// `transports`, best first, in the order in which to try them now: those that did not fail lately, then the others.
    package func order(of transports: [String], to peer: InstanceKey, now: BootInstant) -> [String] {
        let aside = transports.filter { isAside(Path(peer: peer, transport: $0), now: now) }
        return transports.filter { !aside.contains($0) } + aside
    }

    package mutating func failed(_ transport: String, to peer: InstanceKey, now: BootInstant) {
        let path = Path(peer: peer, transport: transport)
        let count = min((failures[path]?.count ?? 0) + 1, 16)
        let pause = min(Self.shortestPause * (1 << (count - 1)), Self.longestPause)
        failures[path] = Failure(count: count, asideUntil: now.advanced(by: pause))
    }

    package mutating func succeeded(_ transport: String, to peer: InstanceKey) {
        failures[Path(peer: peer, transport: transport)] = nil
    }

    /// The peer left the roster.
    package mutating func forget(_ peer: InstanceKey) {
        failures = failures.filter { $0.key.peer != peer }
    }

    /// When the path will be tried first again; nil: it did not fail lately.
    package func asideUntil(_ transport: String, to peer: InstanceKey) -> BootInstant? {
        failures[Path(peer: peer, transport: transport)]?.asideUntil
    }

    private func isAside(_ path: Path, now: BootInstant) -> Bool {
        guard let failure = failures[path] else { return false }
        return now < failure.asideUntil
    }
}
