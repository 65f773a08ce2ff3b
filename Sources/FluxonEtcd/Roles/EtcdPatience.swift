/// How a caller that must go on takes an etcd that does not serve it: it asks again with growing pauses, at all endpoints, whatever
/// etcd says. What etcd refuses for good may end it, if the caller wants that: at the start, say, when there is nothing to lose yet.
package struct EtcdPatience: Sendable {
    /// Asked on the loop about a final refusal (`EtcdError.isFinal`): true ends what waits, with that error.
    package var endsAt: @Sendable (EtcdError) -> Bool
    /// Told on the loop of each failure that is waited out.
    package var onTrouble: @Sendable (EtcdError) -> Void
    /// Told on the loop when etcd serves, again or for the first time.
    package var onServed: @Sendable () -> Void

    package init(
        endsAt: @escaping @Sendable (EtcdError) -> Bool, onTrouble: @escaping @Sendable (EtcdError) -> Void = { _ in },
        onServed: @escaping @Sendable () -> Void = {}
    ) {
        self.endsAt = endsAt
        self.onTrouble = onTrouble
        self.onServed = onServed
    }

    package static let untilRefused = EtcdPatience(endsAt: { _ in true })
}
