private import Glibc

/// Memory of this process for one value that is copied over the socket, 64-byte aligned.
struct CopyBuffer: ~Copyable, @unchecked Sendable {
    // SAFETY: one owner, freed with it; who may write and when is the owner's affair.
    let bytes: UnsafeMutableRawBufferPointer

    /// Nil when the system has no such memory: the size comes from a peer or a caller.
    init?(byteCount: Int) {
        guard byteCount >= 0 else { return nil }
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, 64, max(byteCount, 1)) == 0 else { return nil }
        bytes = UnsafeMutableRawBufferPointer(start: memory, count: byteCount)
    }

    deinit { free(bytes.baseAddress) }
}
