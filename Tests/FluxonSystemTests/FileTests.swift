import FluxonCore
import FluxonSystem
import FluxonTestFiles
import Glibc
import Testing

@Suite struct FileTests {
    @Test("what a child writes goes on in its file after that was put aside at its limit, and only the last part before is kept")
    func childOutput() throws {
        let folder = try TemporaryFolder()
        let output = ChildOutput(path: folder.file("log"), limitBytes: 100)
        let child = try output.open()
        func append(_ bytes: [UInt8]) { #expect(bytes.withUnsafeBytes { write(child.number, $0.baseAddress, $0.count) } == bytes.count) }
        for part in ["a", "b"] {
            append(Array(repeating: UInt8(ascii: "-"), count: 100))
            try output.bound()
            #expect(try File.readAll(output.path, limit: 1_000).count == 100)
            append(Array(part.utf8))
            try output.bound()
            #expect(try File.readAll(output.path, limit: 1_000).isEmpty)
            #expect(try File.readAll("\(output.path).1", limit: 1_000).last == part.utf8.first)
        }
    }

    @Test("two mappings of one file see the same bytes, and none of another")
    func mapping() throws {
        let file = try File.inMemory(name: "test")
        try File.resize(file, to: 8192)
        try File.reserve(file, byteCount: 8192)
        let writer = try MappedRegion(file: file, byteCount: 8192, access: .readWrite, populate: true)
        let reader = try MappedRegion(file: file, offset: 4096, byteCount: 4096, access: .read)
        try reader.advise(.dontFork)
        writer.bytes[4097] = 42
        #expect(reader.bytes[1] == 42)
        #expect(reader.bytes[2] == 0)
    }

    @Test("one open file at a time holds an exclusive lock")
    func locking() throws {
        let folder = try TemporaryFolder()
        let first = try File.open("\(folder.path)/lock", .create)
        let second = try File.open("\(folder.path)/lock", .readWrite)
        #expect(try File.tryLock(first))
        #expect(try !File.tryLock(second))
        try File.unlock(first)
        #expect(try File.tryLock(second))
    }

    @Test("a lock whose file was removed is nobody's: who takes the name makes another, which the first one leaves alone")
    func lockFile() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/lock"
        do {
            let first = try FileLock(path: path)
            #expect(throws: SystemError.self) { _ = try FileLock(path: path) }
            try File.remove(path)
            let second = try FileLock(path: path)
            _ = consume first
            #expect(try FileIdentity(at: path) != nil)
            #expect(throws: SystemError.self) { _ = try FileLock(path: path) }
            withExtendedLifetime(second) {}
        }
        #expect(try FileIdentity(at: path) == nil)
    }

    @Test("a name is removed only while it is that of the file that was meant")
    func removeIfStill() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/state"
        let file = try File.open(path, .createNew)
        let identity = try FileIdentity(of: file)
        try File.replace(path, with: [1])
        try File.remove(path, ifStill: identity)
        #expect(try File.readAll(path, limit: 1) == [1])
    }

    @Test("a file that was half written leaves no other name behind")
    func halfWritten() throws {
        let folder = try TemporaryFolder()
        #expect(throws: SystemError.self) { try File.replace("\(folder.path)/no/such", with: [1]) }
        try File.makeDirectories("\(folder.path)/taken/inside")
        #expect(throws: SystemError.self) { try File.replace("\(folder.path)/taken", with: [1]) }
        #expect(try FileIdentity(at: "\(folder.path)/taken.\(getpid()).new") == nil)
        rmdir("\(folder.path)/taken/inside")
        rmdir("\(folder.path)/taken")
    }

    @Test("a file is replaced as a whole and read back, up to the limit")
    func replacing() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/state"
        try File.replace(path, with: Array("one".utf8))
        try File.replace(path, with: [UInt8](repeating: 7, count: 100_000))
        #expect(try File.readAll(path, limit: 1 << 20) == [UInt8](repeating: 7, count: 100_000))
        let error = #expect(throws: SystemError.self) { try File.readAll(path, limit: 1000) }
        #expect(error?.errno == EFBIG)
    }

    @Test("the boot clock never falls")
    func clock() {
        let first = BootClock.now
        #expect(first <= BootClock.now)
        #expect(first.nanoseconds > 0)
    }
}
