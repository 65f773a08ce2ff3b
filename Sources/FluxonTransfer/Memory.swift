/// Where the bytes of a transfer go: part of the pool, or any memory that outlives the transfer.
package struct Destination: @unchecked Sendable {
    // SAFETY: whoever starts a transfer keeps this memory alive and to itself until the completion was called; only the loop of
    // the transfer writes to it, and nothing after the completion.
    package let bytes: UnsafeMutableRawBufferPointer

    package init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

    /// The part after the first `count` bytes.
    package func dropFirst(_ count: Int) -> Destination {
        Destination(UnsafeMutableRawBufferPointer(rebasing: bytes.dropFirst(count)))
    }
}

/// Bytes that a ticket lets an asker read.
package struct SourceBytes: @unchecked Sendable {
    // SAFETY: whoever issues the ticket keeps this memory alive and unchanged until it is told that the ticket ended (M6).
    package let bytes: UnsafeRawBufferPointer

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }
}

extension Range<UInt64> {
    /// `count` traps where the length of a range that came off the wire does not fit an `Int`.
    package var byteCount: UInt64 { upperBound - lowerBound }
}
