import FluxonCore
import FluxonPool
import FluxonPoolStress
import FluxonSystem
import Glibc

/// A `fluxon-pool-reader` over the pool of this process.
final class ReaderProcess {
    let child: ChildProcess
    private let output: Descriptor
    /// Keeps the descriptors open that the child opens by way of /proc.
    private let attachment: Pool.Attachment
    private let board: StressBoard

    init(_ pool: Pool, _ board: StressBoard, process: UInt64, _ task: [String]) throws {
        attachment = try pool.attach(process: process, canPut: false)
        self.board = board
        let pipe = try Descriptor.pipe()
        output = try pipe.first.duplicate()
        let files = [attachment.pool, attachment.pins, attachment.heat, board.file].map { "\($0.descriptor)" }
        guard let path = realpath("/proc/self/exe", nil) else { throw SystemError("find the tests' folder", errno: errno) }
        defer { free(path) }
        let products = "/" + String(cString: path).split(separator: "/").dropLast().joined(separator: "/")
        child = try ChildProcess(
            executable: "\(products)/fluxon-pool-reader",
            arguments: ["\(getpid())"] + files + ["\(attachment.grantedPins)", "\(board.objects)"] + task, environment: [:],
            output: pipe.second)
    }

    /// The next line of its output; what there is of it when the child ended.
    func line() throws -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while try Kernel.waitReadable([output.number], timeout: .seconds(30))[0], read(output.number, &byte, 1) == 1,
            byte != UInt8(ascii: "\n")
        {
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether it has said something, or ended.
    func hasSpoken() throws -> Bool { try Kernel.waitReadable([output.number], timeout: .zero)[0] }

    func ending() throws -> ChildProcess.Ending? {
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(30))
        return try child.reap()
    }
}

extension StressOwner {
    /// Works while one reader after the other is stopped for a while, wherever it is just then.
    mutating func work(
        for duration: Duration, stopping readers: [ReaderProcess], each pause: Duration, until isOver: () -> Bool = { false }
    ) throws {
        let start = BootClock.now
        var turn = 0
        while BootClock.now.since(start) < duration, !isOver() {
            let stopped = readers[turn % readers.count]
            try stopped.child.process.signal(SIGSTOP)
            try work(for: pause)
            try stopped.child.process.signal(SIGCONT)
            try work(for: pause)
            turn += 1
        }
    }
}
