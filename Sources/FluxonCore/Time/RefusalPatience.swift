/// For how long a process asks again after the master refused its `instance_key` as in use. A restarted process may be faster than the
/// master's notice that its last life is dead; whoever is still refused after that has a living namesake.
package struct RefusalPatience: Hashable, Sendable {
    package static let limit = Duration.seconds(8)

    private var refusedSince: BootInstant?

    package init() {}

    /// Takes note of a refusal; true when it is time to give up.
    package mutating func isOver(refusedAt now: BootInstant) -> Bool {
        let since = refusedSince ?? now
        refusedSince = since
        return now.since(since) >= Self.limit
    }

    /// The master took this process: an earlier refusal was about a dead one.
    package mutating func accepted() { refusedSince = nil }
}
