private import CLinux
private import Glibc

/// A shared mapping of a memory file that many objects of one process hold, unlike `MappedRegion`. Not inherited by a forked child
/// (CONSISTENCY P9). Unmapped when the last reference goes.
package final class SharedMapping: @unchecked Sendable {
    // SAFETY: `base` is what mmap returned for `byteCount` bytes and stays mapped until deinit. What the bytes mean, and which
    // processes may touch them when, is the matter of the layout's atomics, not of this class.
    package let base: UnsafeMutableRawPointer
    package let byteCount: Int
    private let fork = ForkGuard.current

    package init(_ file: MemoryFile, byteCount: Int, writable: Bool) throws(SystemError) {
        #if FLUXON_ONE_ADDRESS
        if let known = OneAddress.find(file, byteCount) {
            base = known
            self.byteCount = byteCount
            return
        }
        // Whoever comes later may write.
        let writable = writable || (fcntl(file.descriptor, F_GETFL) & O_ACCMODE) == O_RDWR
        #endif
        var address: UnsafeMutableRawPointer?
        let result = cfluxon_map_aligned(file.descriptor, byteCount, writable ? 1 : 0, &address)
        if result < 0 { throw SystemError(mapping: "map \(byteCount) bytes of \(file.name)", errno: -result) }
        guard let address else { throw SystemError("map \(byteCount) bytes of \(file.name)", errno: EFAULT) }
        base = address
        self.byteCount = byteCount
        try keepFromChildren(0..<byteCount)
        #if FLUXON_ONE_ADDRESS
        OneAddress.keep(base, file, byteCount)
        #endif
    }

    /// Addresses without memory, in which parts of a file can be mapped later, see `map`.
    package init(reserving byteCount: Int) throws(SystemError) {
        var address: UnsafeMutableRawPointer?
        let result = cfluxon_reserve_addresses(byteCount, &address)
        if result < 0 { throw SystemError(mapping: "reserve \(byteCount) bytes of addresses", errno: -result) }
        guard let address else { throw SystemError("reserve \(byteCount) bytes of addresses", errno: EFAULT) }
        base = address
        self.byteCount = byteCount
        try keepFromChildren(0..<byteCount)
    }

    deinit {
        #if FLUXON_ONE_ADDRESS
        guard OneAddress.release(base) else { return }
        #endif
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

    /// Gives `range` of `file`, which this maps, its memory now, in 2 MiB pages where the kernel has them: random reads then walk no
    /// page tables (measured in a virtual machine: 165 ns against 230). Where it has none, old kernels too, small pages do.
    package func reserve(_ range: Range<Int>, of file: MemoryFile) throws(SystemError) {
        let first = (range.lowerBound + Self.hugePage - 1) / Self.hugePage * Self.hugePage
        let end = range.upperBound / Self.hugePage * Self.hugePage
        if first < end {
            // The kernel makes a huge page only where it finds a first small one; made from that alone, little is copied.
            for start in stride(from: first, to: end, by: Self.hugePage) { try file.reserve(start..<start + 4096) }
            _ = cfluxon_collapse(base + first, end - first)
        }
        try file.reserve(range)
    }

    private static let hugePage = 2 << 20

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
