internal import CLinux
internal import Glibc

/// A memory mapping. Exactly one owner; unmapped when that owner's value ends.
package struct MappedRegion: ~Copyable, @unchecked Sendable {
    // SAFETY: `base` comes from mmap and is valid for `byteCount` bytes while this value lives. What lies there is shared
    // with other threads and processes: callers use atomics or the protocol of CONSISTENCY §2.
    package let base: UnsafeMutableRawPointer
    package let byteCount: Int

    package enum Access: Sendable { case read, readWrite }

    /// Maps a range of a file, shared. `populate` faults all pages in now (14 GB/s against 1.2–2.8 at first touch).
    package init(
        file: borrowing Descriptor, offset: UInt64 = 0, byteCount: Int, access: Access, populate: Bool = false
    ) throws(SystemError) {
        guard byteCount > 0 else { throw SystemError("map \(byteCount) bytes", errno: EINVAL) }
        var base: UnsafeMutableRawPointer?
        let result = cfluxon_map(file.number, offset, byteCount, access == .readWrite ? 1 : 0, populate ? 1 : 0, &base)
        _ = try checked(result, "map \(byteCount) bytes at offset \(offset)")
        guard let base else { throw SystemError("map \(byteCount) bytes", errno: EFAULT) }
        self.base = base
        self.byteCount = byteCount
    }

    /// Private zeroed memory of this process alone.
    package init(anonymous byteCount: Int) throws(SystemError) {
        guard byteCount > 0 else { throw SystemError("map \(byteCount) bytes", errno: EINVAL) }
        var base: UnsafeMutableRawPointer?
        _ = try checked(cfluxon_map_anonymous(byteCount, &base), "map \(byteCount) anonymous bytes")
        guard let base else { throw SystemError("map \(byteCount) bytes", errno: EFAULT) }
        self.base = base
        self.byteCount = byteCount
    }

    deinit { _ = cfluxon_unmap(base, byteCount) }

    /// The whole mapping, valid only while this value lives.
    package var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: base, count: byteCount) }

    package enum Advice: Sendable { case dontFork, wipeOnFork, populateRead, populateWrite, hugePages }

    /// `madvise` on the whole mapping.
    package func advise(_ advice: Advice) throws(SystemError) {
        let number =
            switch advice {
            case .dontFork: cfluxon_advise_dont_fork
            case .wipeOnFork: cfluxon_advise_wipe_on_fork
            case .populateRead: cfluxon_advise_populate_read
            case .populateWrite: cfluxon_advise_populate_write
            case .hugePages: cfluxon_advise_huge_page
            }
        _ = try checked(cfluxon_advise(base, byteCount, CInt(number)), "advise the kernel (\(advice)) on \(byteCount) mapped bytes")
    }
}

/// `membarrier(GLOBAL_EXPEDITED)`: a full fence on every running thread of the processes that registered (CONSISTENCY P5).
package enum Membarrier {
    package static func register() throws(SystemError) { _ = try checked(cfluxon_membarrier_register(), "register for membarrier") }
    package static func fenceAll() throws(SystemError) { _ = try checked(cfluxon_membarrier(), "run a membarrier") }
}
