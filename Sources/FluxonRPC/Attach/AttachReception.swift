import FluxonCore
import FluxonSystem

/// One accepted connection until it is clear what it is.
///
///     peeking ──FXA1──▶ reading ──complete──▶ handed over (attach)
///        └────────other bytes────────────▶ handed over (plain)         any ──time, end, garbage──▶ closed
final class AttachReception {
    private let loop: EventLoop
    private let onAttach: (AttachCall) -> Void
    private let onPlain: (consuming Descriptor) -> Void
    private var onDone: () -> Void = {}
    private var socket: Descriptor?
    private var registration: Registration?
    private var timer: LoopTimer?
    private var isAttaching = false
    private var bytes: [UInt8] = []
    private var descriptors: [ReceivedDescriptors] = []

    init(
        loop: EventLoop, socket: consuming Descriptor, onAttach: @escaping (AttachCall) -> Void,
        onPlain: @escaping (consuming Descriptor) -> Void
    ) {
        self.loop = loop
        self.socket = consume socket
        self.onAttach = onAttach
        self.onPlain = onPlain
    }

    func start(onDone: @escaping () -> Void) {
        self.onDone = onDone
        guard let number = socket?.number else { return onDone() }
        timer = loop.schedule(after: Limits.attachTimeout) { [self] in end() }
        // Edges: the bytes stay in the socket while it is peeked at, and two bytes of four must not keep the loop awake.
        registration = try? loop.register(number, [.readable, .edgeTriggered]) { [self] _ in advance() }
        if registration == nil { end() }
    }

    func cancel() { end() }

    /// Closes whatever was not handed over.
    private func end() {
        stopWatching()
        socket = nil
        onDone()
        onDone = {}
    }

    private func stopWatching() {
        registration?.cancel()
        registration = nil
        timer?.cancel()
        timer = nil
    }

    private func advance() {
        guard let number = socket?.number else { return }
        if !isAttaching, !decideKind(number) { return }
        do {
            while let wanted = try missingByteCount() {
                guard let received = try Socket.receiveDescriptors(number, byteCount: wanted) else { return }
                guard !received.bytes.isEmpty else { return end() }
                bytes += received.bytes
                if received.count > 0 { descriptors.append(received) }
            }
            try handOverAttach(AttachRequest(decoding: bytes))
        } catch {
            end()
        }
    }

    /// False when there is nothing to read on: not enough bytes yet, or it is another's connection now.
    private func decideKind(_ number: CInt) -> Bool {
        var prefix = [UInt8](repeating: 0, count: AttachRequest.magic.count)
        switch prefix.withUnsafeMutableBytes({ Socket.peek(number, into: $0) }) {
        case .moved(let count) where !AttachRequest.magic.starts(with: prefix.prefix(count)):
            stopWatching()
            if let socket = socket.take() { onPlain(socket) }
            end()
            return false
        case .moved(AttachRequest.magic.count):
            isAttaching = true
            return true
        case .moved, .wouldBlock: return false
        case .ended, .failed:
            end()
            return false
        }
    }

    private func missingByteCount() throws(AttachError) -> Int? {
        guard bytes.count >= AttachRequest.prefixByteCount else { return AttachRequest.prefixByteCount - bytes.count }
        let announced = try AttachRequest.announcedByteCount(of: bytes)
        return bytes.count < announced ? announced - bytes.count : nil
    }

    private func handOverAttach(_ request: AttachRequest) {
        stopWatching()
        if let socket = socket.take() { onAttach(AttachCall(request: request, socket: socket, descriptors: descriptors)) }
        end()
    }
}
