private import CLinux
private import Glibc

/// A shared mapping of a memory file that many objects of one process hold, unlike `MappedRegion`. Not inherited by a forked child
/// (CONSISTENCY P9). Unmapped when the last reference goes.
package final class SharedMapping: @unchecked Sendable {
    // SAFETY: `base` is what mmap returned for `byteCount` bytes and stays mapped until deinit. What the bytes mean, and which
    // processes may touch them when, is the matter of the layout's atomics, not of this class.
    package let base: UnsafeMutableRawPointer
    package let byteCount: Int
    private let fork = ForkGuard.shared

    package init(_ file: MemoryFile, byteCount: Int, writable: Bool) throws(SystemError) {
        var address: UnsafeMutableRawPointer?
        let result = cfluxon_map(file.descriptor, 0, byteCount, writable ? 1 : 0, 0, &address)
        _ = try checked(result, "map \(byteCount) bytes of \(file.name)")
        guard let address else { throw SystemError("map \(byteCount) bytes of \(file.name)", errno: EFAULT) }
        base = address
        self.byteCount = byteCount
        try keepFromChildren(0..<byteCount)
    }

    /// Addresses without memory, in which parts of a file can be mapped later, see `map`.
    package init(reserving byteCount: Int) throws(SystemError) {
        var address: UnsafeMutableRawPointer?
        _ = try checked(cfluxon_reserve_addresses(byteCount, &address), "reserve \(byteCount) bytes of addresses")
        guard let address else { throw SystemError("reserve \(byteCount) bytes of addresses", errno: EFAULT) }
        base = address
        self.byteCount = byteCount
        try keepFromChildren(0..<byteCount)
    }

    deinit {
        // In a forked child the addresses are not mapped, or something else is there by now.
        if !fork.isChild { _ = cfluxon_unmap(base, byteCount) }
    }

    /// Brings the pages of `range` in at once. The range must have memory (`MemoryFile.reserve`).
    package func populate(_ range: Range<Int>, writable: Bool) throws(SystemError) {
        let start = range.lowerBound & ~4095
        let advice = CInt(writable ? cfluxon_advise_populate_write : cfluxon_advise_populate_read)
        while true {
            let result = cfluxon_advise(base + start, range.upperBound - start, advice)
            if result == -EINTR || result == -EAGAIN { continue }
            // Kernels before 5.14 do not know the advice: the first touch brings the page then.
            if result == -EINVAL { return }
            _ = try checked(result, "bring in \(range.count) mapped bytes")
            return
        }
    }

    /// Maps `range` of `file`, whole pages, at the same offset of a reserved mapping, with write access.
    package func map(_ file: MemoryFile, _ range: Range<Int>) throws(SystemError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
        let result = cfluxon_map_at(file.descriptor, UInt64(range.lowerBound), range.count, base + range.lowerBound)
        _ = try checked(result, "map \(range.count) bytes of \(file.name) at \(range.lowerBound)")
        try keepFromChildren(range)
    }

    /// Takes the pages of `range` away again; the addresses stay reserved.
    package func unmap(_ range: Range<Int>) throws(SystemError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
        _ = try checked(cfluxon_unmap_at(base + range.lowerBound, range.count), "unmap \(range.count) bytes")
        try keepFromChildren(range)
    }

    private func keepFromChildren(_ range: Range<Int>) throws(SystemError) {
        let result = cfluxon_advise(base + range.lowerBound, range.count, CInt(cfluxon_advise_dont_fork))
        _ = try checked(result, "keep a mapping from forked children")
    }
}
