#if FLUXON_ONE_ADDRESS
private import Glibc
private import Synchronization

/// For the thread sanitizer, which knows memory by its address: all that one process maps of one file is one mapping, so that it sees an
/// owner and readers in one process meet. Never unmapped. Only in builds with FLUXON_ONE_ADDRESS (scripts/sanitize thread).
enum OneAddress {
    private struct Place: Hashable, Sendable {
        let device: UInt
        let inode: UInt
        let byteCount: Int
    }

    private static let known = Mutex<[Place: UInt]>([:])

    private static func place(of file: MemoryFile, _ byteCount: Int) -> Place? {
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { return nil }
        return Place(device: UInt(status.st_dev), inode: UInt(status.st_ino), byteCount: byteCount)
    }

    static func find(_ file: MemoryFile, _ byteCount: Int) -> UnsafeMutableRawPointer? {
        guard let place = place(of: file, byteCount), let address = known.withLock({ $0[place] }) else { return nil }
        return UnsafeMutableRawPointer(bitPattern: address)
    }

    static func keep(_ base: UnsafeMutableRawPointer, _ file: MemoryFile, _ byteCount: Int) {
        guard let place = place(of: file, byteCount) else { return }
        known.withLock { $0[place] = UInt(bitPattern: base) }
    }
}
#endif
