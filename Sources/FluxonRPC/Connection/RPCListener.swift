internal import FluxonSystem
internal import FluxonTLS

/// A socket that takes connections for a server. On its loop only.
final class RPCListener {
    let address: SocketAddress
    let tls: TLSContext?
    private let descriptor: Descriptor
    /// Of a Unix socket, whose file goes with it.
    private var name: SocketName?
    /// Let go of to take a connection where no descriptor is left, so that its client hears an end instead of waiting.
    private var reserve: Descriptor?
    private var registration: Registration?

    init(on wanted: SocketAddress, tls: TLSContext?, loop: EventLoop, _ onReady: @escaping (RPCListener) -> Void) throws(SystemError) {
        if case .unix(let path) = wanted {
            var claimed = try SocketName(claiming: path)
            descriptor = try claimed.listen()
            name = consume claimed
        } else {
            descriptor = try Socket.listen(on: wanted)
        }
        address = try Socket.localAddress(of: descriptor.number)
        self.tls = tls
        reserve = try descriptor.duplicate()
        registration = try loop.register(descriptor.number, .readable) { [weak self] _ in
            if let self { onReady(self) }
        }
    }

    /// The next connection that waits, nil when none does.
    func accept() throws(SystemError) -> Descriptor? { try Socket.accept(on: descriptor.number) }

    /// Takes the next connection and closes it. False when there is none, or no descriptor even for that.
    func turnAway() -> Bool {
        guard reserve != nil else { return false }
        reserve = nil
        let isDone: Bool
        do throws(SystemError) { isDone = try accept() != nil } catch { isDone = false }
        reserve = try? descriptor.duplicate()
        return isDone
    }

    /// No reports until `resume`.
    func pause() { try? registration?.modify([]) }

    func resume() {
        try? registration?.modify(.readable)
        if reserve == nil { reserve = try? descriptor.duplicate() }
    }

    /// Listens no more, and removes the socket's file.
    func close() {
        registration?.cancel()
        registration = nil
        name = nil
    }
}
