private import CLinux
private import Glibc

/// An open file that is mapped as shared memory. The descriptor closes with the last reference.
package final class MemoryFile: Sendable {
    private let file: Descriptor
    /// For messages.
    package let name: String

    /// Takes over an open descriptor, for example one received over a socket.
    package init(owning file: consuming Descriptor, name: String) {
        self.file = file
        self.name = name
    }

    /// A nameless memory file of a size that nobody can change any more; its pages come when touched or reserved.
    package init(anonymous name: String, byteCount: Int) throws(SystemError) {
        file = try File.inMemory(name: name)
        self.name = name
        try File.resize(file, to: UInt64(byteCount))
        _ = try checked(cfluxon_seal_size(file.number), "fix the size of the memory file '\(name)'")
    }

    /// The number, to pass on; valid while this object lives.
    package var descriptor: CInt { file.number }

    /// The same file opened again: to pass on without this opening's lock, and without write access unless asked for.
    package func reopened(writable: Bool) throws(SystemError) -> MemoryFile {
        MemoryFile(owning: try File.open("/proc/self/fd/\(file.number)", writable ? .readWrite : .read), name: name)
    }

    package func byteCount() throws(SystemError) -> Int { Int(clamping: try File.size(file)) }

    package func setByteCount(_ byteCount: Int) throws(SystemError) { try File.resize(file, to: UInt64(byteCount)) }

    /// Gives `range` memory now, so that touching it later cannot fail.
    package func reserve(_ range: Range<Int>) throws(SystemError) {
        try File.reserve(file, offset: UInt64(range.lowerBound), byteCount: UInt64(range.count))
    }

    /// Gives the memory of `range` back; the file keeps its size and reads as zero there.
    package func punchHole(_ range: Range<Int>) throws(SystemError) {
        try File.punchHole(file, offset: UInt64(range.lowerBound), byteCount: UInt64(range.count))
    }

    /// Takes the file's exclusive lock, held till the last descriptor of this opening closes. False when another holds it.
    package func tryLock() throws(SystemError) -> Bool { try File.tryLock(file) }

    package func identity() throws(SystemError) -> FileIdentity { try FileIdentity(of: file) }
}

extension SystemError {
    /// Whether memory, a quota or a file system was full.
    package var isNoRoom: Bool { errno == ENOSPC || errno == ENOMEM || errno == EDQUOT }
    /// Whether there is no such file.
    package var isMissing: Bool { errno == ENOENT }
}
