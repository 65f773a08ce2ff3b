/// What all attached processes hold together.
package struct LocalSummary: Hashable, Sendable {
    package var processes = 0
    package var grantedExtents = 0
    package var grantedBytes: UInt64 = 0
    package var operationsInFlight = 0
    package var handovers = 0
    package var outcomesKept = 0
}

/// One attached process.
package struct ProcessDescription: Hashable, Sendable {
    package let session: UInt64
    /// 0: in a PID namespace that the owner does not see.
    package let processID: Int32
    package let userID: UInt32
    package let name: String
    package let isConnected: Bool
    package let mayWrite: Bool
    package let grantedBytes: UInt64
    package let operationsInFlight: Int
    /// Pages that it may write to, and those of them that nothing lies on.
    package let spanBytes: Int
    package let idleBytes: Int
    /// Values that it holds, as of the last look at the pins.
    package let valuesHeld: Int
}
