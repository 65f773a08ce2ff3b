import Fluxon
import FluxonCore
import FluxonSystem
import Glibc

/// Bytes move in pieces of this size, so that progress can be told.
private let pieceBytes = 4 << 20

/// What `kv put` reads.
struct FileInput: ~Copyable {
    private let file: Descriptor
    private let path: String
    /// Size of a regular file; nil for a pipe or a device, whose end is only known when it comes, and for one of no size: the files of
    /// /proc say so, and have bytes all the same.
    let regularByteCount: Int?

    /// - Parameter path: `-` is standard input.
    init(path: String) throws {
        let name = path == "-" ? "standard input" : CommandLineBytes.shown(path)
        let file =
            try path == "-" ? Descriptor(owning: dup(STDIN_FILENO)) : File.open(named: CommandLineBytes.typed(path), for: .read)
        var status = stat()
        guard fstat(file.number, &status) == 0 else { throw CommandFailure.failed("cannot read \(name): \(SystemError.message(errno))") }
        let kind = status.st_mode & S_IFMT
        guard kind != S_IFDIR else { throw CommandFailure.failed("\(name) is a folder; a value is one file") }
        regularByteCount = kind == S_IFREG && status.st_size > 0 && path != "-" ? Int(status.st_size) : nil
        self.file = file
        self.path = name
    }

    /// Fills `memory` from the file, telling how many bytes are there after each piece.
    ///
    /// - Throws: when the file is shorter than it was: a value half of whose bytes nobody wrote must not be committed.
    func read(into memory: inout MutableRawSpan, progress: (Int) -> Void) throws {
        let byteCount = memory.byteCount
        var done = 0
        while done < byteCount {
            // SAFETY: `done < byteCount`, so the piece lies inside the span, which outlives the call.
            let count = memory.withUnsafeMutableBytes { bytes in
                Glibc.read(file.number, bytes.baseAddress?.advanced(by: done), min(pieceBytes, byteCount - done))
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw CommandFailure.failed("cannot read \(path): \(SystemError.message(errno))") }
            guard count > 0 else { throw CommandFailure.failed("\(path) became shorter while it was read; nothing was put") }
            done += count
            progress(done)
        }
    }

    func readAll() throws -> [UInt8] {
        var content: [UInt8] = []
        while true {
            var count = 0
            content.append(
                contentsOf: [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, initialized in
                    count = Glibc.read(file.number, buffer.baseAddress, 1 << 16)
                    initialized = max(count, 0)
                })
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw CommandFailure.failed("cannot read \(path): \(SystemError.message(errno))") }
            if count == 0 { return content }
        }
    }
}

/// Where `kv get` writes.
struct FileOutput: ~Copyable {
    private let file: Descriptor
    private let path: String

    static var standard: FileOutput { FileOutput(file: Descriptor(owning: dup(STDOUT_FILENO)), path: "standard output") }

    private init(file: consuming Descriptor, path: String) {
        self.file = file
        self.path = path
    }

    /// Made when missing, else emptied first.
    init(path: String) throws {
        let file = try File.open(named: CommandLineBytes.typed(path), for: .overwrite)
        self.init(file: file, path: CommandLineBytes.shown(path))
    }

    /// Writes the value out of shared memory, telling how many bytes are through after each piece.
    func write(_ value: Value, progress: (Int) -> Void) throws {
        let byteCount = value.count
        var done = 0
        while done < byteCount {
            // SAFETY: `done < byteCount`, so the piece lies inside the span, which outlives the call.
            let count = value.withBytes { span in
                span.withUnsafeBytes { Glibc.write(file.number, $0.baseAddress?.advanced(by: done), min(pieceBytes, byteCount - done)) }
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw CommandFailure.failed("cannot write \(path): \(SystemError.message(errno))") }
            done += count
            progress(done)
        }
    }
}
