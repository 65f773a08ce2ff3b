/// What a master has done since it started to lead; for `fluxon status`.
package struct RoutingCounters: Hashable, Sendable {
    package var framesReceived: UInt64 = 0
    package var framesSent: UInt64 = 0
    package var messagesReceived: UInt64 = 0
    /// Ordered removals that nobody asked for: evictions of last copies, losses.
    package var removals: UInt64 = 0
}
