import FluxonSystem
import Glibc
import Synchronization

/// A TCP proxy between roles whose connections a test cuts, half-closes, delays and stalls.
final class FaultProxy: Sendable {
    enum Mode: Hashable, Sendable {
        case open
        /// New connections are closed at once.
        case refusing
        /// Every piece of data waits for so long.
        case delaying(milliseconds: UInt32)
        /// Nothing gets through, and nobody is told.
        case stalled(Way)
    }

    enum Way: String, CaseIterable, Sendable {
        case both = "both ways"
        case requests = "only what goes there"
        case answers = "only what comes from there"
    }

    private struct State {
        var mode = Mode.open
        var pairs: [ObjectIdentifier: Pair] = [:]
        var isClosed = false
        /// What goes there with the first of these in it arrives with the second, of equal length.
        var substitution: (pattern: [UInt8], replacement: [UInt8])?
    }

    /// The two connections that are one for the roles; closed when the threads of both directions have ended.
    private final class Pair: Sendable {
        let client: Descriptor
        let server: Descriptor
        let endedDirections = Atomic<Int>(0)

        init(client: consuming Descriptor, server: consuming Descriptor) {
            self.client = client
            self.server = server
        }

        func cut() {
            shutdown(client.number, CInt(SHUT_RDWR))
            shutdown(server.number, CInt(SHUT_RDWR))
        }
    }

    let name: String
    let host: String
    let port: UInt16
    private let state = Mutex(State())

    /// Listens on `host` and `port` for what listens on the same port of 127.0.0.1.
    init(name: String, host: String, port: UInt16) throws {
        self.name = name
        self.host = host
        self.port = port
        let listener = try Socket.listen(on: .tcp(host: host, port: port)).release()
        try KernelThread.start(name: "proxy", detached: true) { [self] in
            let listener = Descriptor(owning: listener)
            while !state.withLock(\.isClosed) {
                _ = try? Kernel.waitReadable([listener.number], timeout: .milliseconds(200))
                while let client = try? Socket.accept(on: listener.number) { connect(client) }
            }
        }
    }

    func set(_ mode: Mode) { state.withLock { $0.mode = mode } }

    /// From now on one piece of what goes there is another. It must arrive within one packet.
    func substitute(_ pattern: [UInt8], by replacement: [UInt8]) {
        precondition(pattern.count == replacement.count, "lengths are in the headers")
        state.withLock { $0.substitution = (pattern, replacement) }
    }

    /// Ends all connections in both directions.
    func cut() { for pair in state.withLock({ Array($0.pairs.values) }) { pair.cut() } }

    /// The roles behind this proxy read an end; what they send still arrives, what is sent to them is lost.
    func halfClose() { for pair in state.withLock({ Array($0.pairs.values) }) { Socket.shutdownWrite(pair.server.number) } }

    func close() {
        state.withLock { $0.isClosed = true }
        cut()
    }

    private func connect(_ client: consuming Descriptor) {
        guard state.withLock({ $0.mode != .refusing && !$0.isClosed }),
            let address = try? ResolvedAddress.resolve(.tcp(host: "127.0.0.1", port: port)).first,
            let server = try? Socket.connect(to: address).descriptor
        else { return }
        let pair = Pair(client: client, server: Descriptor(owning: server))
        var writable = pollfd(fd: server, events: Int16(POLLOUT), revents: 0)
        guard poll(&writable, 1, 1000) == 1, writable.revents & Int16(POLLERR | POLLHUP) == 0 else { return }
        state.withLock { $0.pairs[ObjectIdentifier(pair)] = pair }
        for isUpstream in [true, false] {
            _ = try? KernelThread.start(name: "proxy-pump", detached: true) { [self] in
                pump(pair, isUpstream: isUpstream)
                guard pair.endedDirections.add(1, ordering: .relaxed).newValue == 2 else { return }
                state.withLock { _ = $0.pairs.removeValue(forKey: ObjectIdentifier(pair)) }
            }
        }
    }

    private func pump(_ pair: Pair, isUpstream: Bool) {
        let source = isUpstream ? pair.client.number : pair.server.number
        let target = isUpstream ? pair.server.number : pair.client.number
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let (mode, isClosed) = state.withLock { ($0.mode, $0.isClosed) }
            if isClosed { return }
            if case .stalled(let way) = mode, way == .both || (way == .requests) == isUpstream {
                usleep(10_000)
                continue
            }
            guard (try? Kernel.waitReadable([source], timeout: .milliseconds(500)))?.first == true else { continue }
            if case .delaying(let milliseconds) = mode { usleep(milliseconds * 1000) }
            switch Socket.receive(source, into: buffer) {
            case .moved(let count):
                if isUpstream { substitute(in: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])) }
                send(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: target)
            case .wouldBlock: break
            case .ended:
                Socket.shutdownWrite(target)
                return
            case .failed:
                pair.cut()
                return
            }
        }
    }

    private func substitute(in bytes: UnsafeMutableRawBufferPointer) {
        guard let (pattern, replacement) = state.withLock(\.substitution), let place = bytes.firstRange(of: pattern) else { return }
        UnsafeMutableRawBufferPointer(rebasing: bytes[place]).copyBytes(from: replacement)
    }

    /// What the other side does not take any more is lost.
    private func send(_ bytes: UnsafeRawBufferPointer, to target: CInt) {
        var rest = bytes
        while !rest.isEmpty {
            switch Socket.send(target, rest) {
            case .moved(let count): rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            case .wouldBlock:
                var writable = pollfd(fd: target, events: Int16(POLLOUT), revents: 0)
                poll(&writable, 1, 100)
                if state.withLock(\.isClosed) { return }
            case .ended, .failed: return
            }
        }
    }
}
