import FluxonSystem
import Glibc
import Synchronization
import Testing

/// A TCP wire to `upstream` that breaks in the direction of the asker, at a given byte of the stream. Threads of its own, blocking
/// calls: it knows nothing of what it carries.
final class FaultyWire: @unchecked Sendable {
    // SAFETY: immutable after `init`.
    enum Fault: Sendable {
        case cut(afterBytes: Int)
        case silent(afterBytes: Int)
        case flip(byte: Int)
        /// So many bytes in this time, and no more.
        case slow(bytes: Int, every: Duration)
        /// None; what passes, both ways, is written down.
        case recorded(WireRecording)
    }

    let address: String
    private let listener: CInt

    init(upstream: SocketAddress, fault: Fault) throws {
        let descriptor = try Socket.listen(on: .tcp(host: "127.0.0.1", port: 0))
        address = "\(try Socket.localAddress(of: descriptor.number))"
        listener = descriptor.release()
        setBlocking(listener)
        let target = try #require(try ResolvedAddress.resolve(upstream).first)
        try KernelThread.start(name: "faulty-wire", detached: true) { [listener] in
            while true {
                let near = accept(listener, nil, nil)
                guard near >= 0 else { return }
                Self.carry(near, to: target, fault: fault)
            }
        }
    }

    deinit {
        shutdown(listener, CInt(SHUT_RDWR))
        close(listener)
    }

    private static func carry(_ near: CInt, to target: ResolvedAddress, fault: Fault) {
        guard let (far, _) = try? Socket.connect(to: target) else {
            close(near)
            return
        }
        setBlocking(near)
        setBlocking(far)
        do {
            let requests = try KernelThread.start(name: "wire-requests") { pump(from: near, to: far, fault: fault.ofRequests) }
            let responses = try KernelThread.start(name: "wire-responses") { pump(from: far, to: near, fault: fault) }
            try KernelThread.start(name: "wire-end", detached: true) {
                requests.join()
                responses.join()
                close(near)
                close(far)
            }
        } catch {
            Issue.record(error)
        }
    }

    private static func pump(from: CInt, to: CInt, fault: Fault?) {
        var buffer = [UInt8](repeating: 0, count: fault?.bytesPerPiece ?? 64 << 10)
        var carried = 0
        loop: while true {
            let count = recv(from, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            var pass = count
            switch fault {
            case .cut(let limit) where carried + count > limit: pass = limit - carried
            case .silent(let limit) where carried + count > limit: pass = limit - carried
            case .flip(let byte) where (carried..<carried + count).contains(byte): buffer[byte - carried] ^= 0x10
            case .slow(_, let pause): _ = try? Kernel.waitReadable([], timeout: pause)
            case .recorded(let recording): recording.append(buffer[..<count])
            case .cut, .silent, .flip, nil: break
            }
            guard send(to, buffer, pass, CInt(MSG_NOSIGNAL)) == pass || pass == 0 else { break }
            carried += pass
            guard pass == count else {
                if case .silent = fault {
                    // Until the asker gives up, which ends the other direction and with it this socket.
                    while recv(from, &buffer, buffer.count, 0) > 0 {}
                }
                break loop
            }
        }
        shutdown(to, CInt(SHUT_RDWR))
        shutdown(from, CInt(SHUT_RDWR))
    }
}

extension FaultyWire.Fault {
    fileprivate var bytesPerPiece: Int? {
        if case .slow(let bytes, _) = self { bytes } else { nil }
    }

    /// What of it concerns the direction to the source.
    fileprivate var ofRequests: Self? {
        if case .recorded = self { self } else { nil }
    }
}

/// The bytes that passed a wire.
final class WireRecording: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    func append(_ more: ArraySlice<UInt8>) { bytes.withLock { $0 += more } }

    var count: Int { bytes.withLock { $0.count } }

    /// Whether these bytes passed, one after the other.
    func contains(_ piece: [UInt8]) -> Bool {
        bytes.withLock { $0.firstRange(of: piece) != nil }
    }
}
