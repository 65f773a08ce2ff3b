internal import CLinux

/// What a descriptor is watched for. Closing and failure are always reported.
package struct Interest: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let readable = Interest(rawValue: UInt32(cfluxon_event_readable))
    package static let writable = Interest(rawValue: UInt32(cfluxon_event_writable))
    /// Report a change once, and not again until it changed back: read and write until `wouldBlock` then.
    package static let edgeTriggered = Interest(rawValue: UInt32(cfluxon_event_edge))
}

/// What a descriptor is ready for.
package struct Readiness: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let readable = Readiness(rawValue: UInt32(cfluxon_event_readable))
    package static let writable = Readiness(rawValue: UInt32(cfluxon_event_writable))
    /// The peer closed; there may be bytes left to read.
    package static let closed = Readiness(rawValue: UInt32(cfluxon_event_closed))
    package static let failed = Readiness(rawValue: UInt32(cfluxon_event_failed))

    // A literal of several costs every report a microsecond: it is an array first.
    private static let end = closed.union(failed)
    private static let bytesOrEnd = readable.union(end)

    /// Whether the peer closed or something broke: what is left can be read, and nothing comes after it.
    package var isEnd: Bool { !isDisjoint(with: Self.end) }
    /// Whether reading is of use.
    package var isReadable: Bool { !isDisjoint(with: Self.bytesOrEnd) }
}

/// A descriptor that a loop watches. On the loop only. Cancel it **before** closing the descriptor.
package final class Registration {
    package let descriptor: CInt
    package private(set) var interest: Interest
    private let tag: UInt64
    /// Nil once cancelled; until then the two hold each other.
    private var loop: EventLoop?

    init(descriptor: CInt, interest: Interest, tag: UInt64, loop: EventLoop) {
        self.descriptor = descriptor
        self.interest = interest
        self.tag = tag
        self.loop = loop
    }

    /// Changes what is watched; costs a system call only for a change.
    package func modify(_ interest: Interest) throws(SystemError) {
        guard interest != self.interest, let loop else { return }
        try loop.modifyRegistration(descriptor: descriptor, interest: interest, tag: tag)
        self.interest = interest
    }

    /// No report comes after this, not even one already read from the kernel. Harmless when done twice.
    package func cancel() {
        loop?.removeRegistration(descriptor: descriptor, tag: tag)
        loop = nil
    }
}
