/// The number of the protocol between roles and with processes. Neighbouring versions work together, others refuse each other.
package enum ProtocolVersion {
    package static let current = 1

    /// True when this build can talk to a side that announces `version`.
    package static func isSpoken(_ version: Int) -> Bool { version >= max(1, current - 1) && version <= current + 1 }
}
