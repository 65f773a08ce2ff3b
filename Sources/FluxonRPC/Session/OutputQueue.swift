internal import DequeModule

/// Bytes on their way to the socket. Short pieces are gathered in one buffer; long ones stay where they are, uncopied.
struct OutputQueue {
    private enum Segment {
        case gathered([UInt8])
        case slice([UInt8], Range<Int>)
    }

    /// From this length on a piece is sent from where it lies: a system call costs less than its copy.
    static let sliceBytes = 64 << 10

    private var segments = Deque<Segment>()
    private var tail: [UInt8] = []
    /// Bytes of the first segment (or of `tail`, when there is no other) that are sent already.
    private var sent = 0
    private(set) var byteCount = 0

    var isEmpty: Bool { byteCount == 0 }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        tail.append(contentsOf: bytes)
        byteCount += bytes.count
    }

    mutating func append(_ bytes: [UInt8], range: Range<Int>) {
        guard range.count >= Self.sliceBytes else {
            tail.append(contentsOf: bytes[range])
            byteCount += range.count
            return
        }
        if !tail.isEmpty {
            // `sent` goes on to mean the first segment, which is what the tail becomes when there is no other.
            segments.append(.gathered(tail))
            tail = []
        }
        segments.append(.slice(bytes, range))
        byteCount += range.count
    }

    /// Lends the first run of unsent bytes.
    func withFirst<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        switch segments.first {
        case .gathered(let bytes): bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0.dropFirst(sent))) }
        case .slice(let bytes, let range):
            bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range].dropFirst(sent))) }
        case nil: tail.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0.dropFirst(sent))) }
        }
    }

    /// Lets go of bytes at the front, at most what `withFirst` lent.
    mutating func removeFirst(_ count: Int) {
        sent += count
        byteCount -= count
        switch segments.first {
        case .gathered(let bytes): if sent >= bytes.count { removeFirstSegment() }
        case .slice(_, let range): if sent >= range.count { removeFirstSegment() }
        case nil:
            guard sent >= tail.count else { return }
            tail.removeAll(keepingCapacity: tail.capacity <= 1 << 20)
            sent = 0
        }
    }

    mutating func removeAll() { self = OutputQueue() }

    private mutating func removeFirstSegment() {
        segments.removeFirst()
        sent = 0
    }
}
