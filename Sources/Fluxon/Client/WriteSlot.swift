internal import FluxonCore
internal import FluxonPool
private import Glibc

/// Where a value is written before it is committed: an extent of the pool, or memory of this process when puts go by copies.
struct WriteSlot: @unchecked Sendable {
    // SAFETY: `bytes` points into `attachment`'s arena at an extent that only this slot's holder has, or into `buffer`; both live
    // as long as this value, and only the holder writes.
    let bytes: UnsafeMutableRawBufferPointer
    let attachment: Attachment
    let place: Place

    enum Place {
        case extent(Extent)
        case buffer(UploadBuffer)
    }

    /// Nil when the extent does not lie in this process's mapped spans.
    init?(_ extent: Extent, byteCount: Int, of attachment: Attachment) {
        guard let all = attachment.arena?.bytes(of: extent), byteCount <= all.count else { return nil }
        bytes = UnsafeMutableRawBufferPointer(rebasing: all[..<byteCount])
        self.attachment = attachment
        place = .extent(extent)
    }

    /// Nil when this process has no memory for it.
    init?(buffering byteCount: Int, for attachment: Attachment) {
        guard let buffer = UploadBuffer(byteCount: byteCount) else { return nil }
        bytes = buffer.memory
        self.attachment = attachment
        place = .buffer(buffer)
    }

    /// From here on a copy goes past the caches: less is likely to be read soon.
    private static let streamingByteCount = 1 << 20

    func copy(from source: UnsafeRawBufferPointer) {
        guard source.count < Self.streamingByteCount else { return copyStreaming(to: bytes, from: source) }
        bytes.copyMemory(from: source)
    }
}

/// A value of a process that maps nothing, until it is sent.
final class UploadBuffer: @unchecked Sendable {
    // SAFETY: written by the slot's holder alone, before the commit is handed to the connection, which only reads.
    private let buffer: CopyBuffer
    var memory: UnsafeMutableRawBufferPointer { buffer.bytes }

    init?(byteCount: Int) {
        guard let buffer = CopyBuffer(byteCount: byteCount) else { return nil }
        self.buffer = buffer
    }
}
