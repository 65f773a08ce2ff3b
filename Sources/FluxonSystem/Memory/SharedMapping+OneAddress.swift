#if FLUXON_ONE_ADDRESS
private import Glibc
private import Synchronization

/// For the thread sanitizer, which knows memory by its address: all that one process maps of one file is one mapping, so that it sees an
/// owner and readers in one process meet. Only in builds with FLUXON_ONE_ADDRESS (scripts/sanitize thread).
enum OneAddress {
    private struct Place: Hashable, Sendable {
        let device: UInt
        let inode: UInt
        let byteCount: Int
    }

    private struct Known: Sendable {
        let address: UInt
        var references = 1
    }

    private static let known = Mutex<[Place: Known]>([:])

    private static func place(of file: MemoryFile, _ byteCount: Int) -> Place? {
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { return nil }
        return Place(device: UInt(status.st_dev), inode: UInt(status.st_ino), byteCount: byteCount)
    }

    /// The mapping that there is already, with a reference more.
    static func find(_ file: MemoryFile, _ byteCount: Int) -> UnsafeMutableRawPointer? {
        guard let place = place(of: file, byteCount) else { return nil }
        return known.withLock { known in
            known[place]?.references += 1
            return known[place].flatMap { UnsafeMutableRawPointer(bitPattern: $0.address) }
        }
    }

    static func keep(_ base: UnsafeMutableRawPointer, _ file: MemoryFile, _ byteCount: Int) {
        guard let place = place(of: file, byteCount) else { return }
        known.withLock { $0[place] = Known(address: UInt(bitPattern: base)) }
    }

    /// Drops a reference. Whether nobody has another, so that the mapping may go.
    static func release(_ base: UnsafeMutableRawPointer) -> Bool {
        known.withLock { known in
            guard let place = known.first(where: { $0.value.address == UInt(bitPattern: base) })?.key else { return true }
            known[place]?.references -= 1
            guard known[place]?.references == 0 else { return false }
            known[place] = nil
            return true
        }
    }
}
#endif
