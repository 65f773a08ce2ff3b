import Fluxon
import FluxonCore
import FluxonSystem
import Glibc

/// Bytes move in pieces of this size, so that progress can be told.
private let pieceBytes = 4 << 20
/// And what comes from a pipe in pieces of this one.
private let pipedPieceBytes = 1 << 16

/// What reading may take.
struct ReadLimits {
    /// Of the pool that the value shall lie in.
    var byteCount: Int
    /// When to give up, and how that was asked for; nil: never.
    var deadline: (at: ContinuousClock.Instant, asked: Duration)?
}

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
        regularByteCount = kind == S_IFREG && path != "-" && status.st_size > 0 ? Int(status.st_size) : nil
        self.file = file
        self.path = name
    }

    /// Fills `memory` from the file, telling how many bytes are there after each piece.
    ///
    /// - Throws: when the file is shorter than it was: a value half of whose bytes nobody wrote must not be committed.
    func read(into memory: inout MutableRawSpan, _ limits: ReadLimits, progress: (Int) -> Void) throws {
        let byteCount = memory.byteCount
        var done = 0
        while done < byteCount {
            try waitReadable(limits)
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

    /// Everything up to the end.
    ///
    /// - Throws: when it is more than the pool can hold, as soon as that is seen, or does not end in time.
    func readAll(_ limits: ReadLimits) throws -> [UInt8] {
        let limit = min(limits.byteCount, Limits.pipedBytes)
        var content: [UInt8] = []
        while true {
            try waitReadable(limits)
            var count = 0
            content.append(
                contentsOf: [UInt8](unsafeUninitializedCapacity: pipedPieceBytes) { buffer, initialized in
                    count = Glibc.read(file.number, buffer.baseAddress, pipedPieceBytes)
                    initialized = max(count, 0)
                })
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw CommandFailure.failed("cannot read \(path): \(SystemError.message(errno))") }
            if count == 0 { return content }
            guard content.count <= limit else { throw tooLong(limit, isPool: limit == limits.byteCount) }
        }
    }

    private func tooLong(_ limit: Int, isPool: Bool) -> FluxonError {
        let size = ByteSize.describe(limit)
        return isPool
            ? FluxonError(
                .valueTooLarge,
                "\(path) has more than \(size), the size of the owner's pool; split it, or raise contribute_to_cluster_pool_size")
            : FluxonError(.valueTooLarge, "\(path) has more than \(size), the most that is collected of a pipe; put it into a file first")
    }

    /// Until there is something to read, or the time that was asked for is up.
    private func waitReadable(_ limits: ReadLimits) throws {
        guard let deadline = limits.deadline else { return }
        while true {
            let left = deadline.at - ContinuousClock.now
            guard left > .zero else {
                throw FluxonError(.deadlineExceeded, "\(path) was not read to its end within \(deadline.asked); give a longer --timeout")
            }
            var poll = pollfd(fd: file.number, events: Int16(POLLIN), revents: 0)
            let milliseconds = Int32(clamping: left.clampedNanoseconds / 1_000_000 + 1)
            if Glibc.poll(&poll, 1, milliseconds) > 0 { return }
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
