internal import FluxonSystem

/// One connection at a time that floods a server, and the next one when that is cut off; on a loop of its own.
final class Flooder: @unchecked Sendable {
    // SAFETY: the variables are touched on the loop alone.
    private let flood: Flood
    private let address: ResolvedAddress
    private let path: String
    private let loop: EventLoop
    private var descriptor: Descriptor?
    private var registration: Registration?
    private var unsent: ArraySlice<UInt8> = []
    private var stream = 1
    private var discarded = [UInt8](repeating: 0, count: 64 << 10)

    /// Pieces that are sent before the answers are looked at.
    private static let piecesPerTurn = 16
    /// Before the next connection after a refused one.
    private static let pause = Duration.milliseconds(1)

    init(_ flood: Flood, server: SocketAddress, path: String) throws {
        self.flood = flood
        self.path = path
        guard let address = try ResolvedAddress.resolve(server).first else {
            throw SystemError("flood \(server)", errno: 0, advice: "the name has no address")
        }
        self.address = address
        loop = try EventLoop.started(name: "bench-flood")
        loop.execute { self.connect() }
    }

    func stop() {
        loop.execute { self.close() }
        loop.stop()
    }

    private func close() {
        registration?.cancel()
        registration = nil
        descriptor = nil
    }

    private func connect() {
        close()
        do throws(SystemError) {
            let number = try Socket.connect(to: address).descriptor
            descriptor = Descriptor(owning: number)
            stream = 3
            unsent = flood.opening(path: path)[...]
            registration = try loop.register(number, [.readable, .writable]) { [self] in ready($0) }
        } catch {
            reconnect()
        }
    }

    private func reconnect() {
        close()
        _ = loop.schedule(after: Self.pause) { self.connect() }
    }

    private func ready(_ readiness: Readiness) {
        if readiness.isReadable, !discard() { return reconnect() }
        for _ in 0..<Self.piecesPerTurn {
            guard let number = descriptor?.number else { return }
            if unsent.isEmpty { unsent = flood.piece(path: path, stream: &stream)[...] }
            switch unsent.withUnsafeBytes({ Socket.send(number, $0) }) {
            case .moved(let count): unsent = unsent.dropFirst(count)
            case .wouldBlock: return
            case .ended, .failed: return reconnect()
            }
        }
    }

    /// False at the end.
    private func discard() -> Bool {
        guard let number = descriptor?.number else { return true }
        switch discarded.withUnsafeMutableBytes({ Socket.receive(number, into: $0) }) {
        case .moved, .wouldBlock: return true
        case .ended, .failed: return false
        }
    }
}
