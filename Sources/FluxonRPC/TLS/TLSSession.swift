internal import COpenSSL

/// TLS of one connection without its socket: bytes of the wire in, plain bytes out, and the other way round. On its loop only.
final class TLSSession {
    // SAFETY: freed in `deinit`, used nowhere after; its two memory BIOs belong to it.
    private let session: OpaquePointer
    private let context: TLSContext
    private let peer: String
    private(set) var isEstablished = false
    /// The peer said that it sends nothing more.
    private(set) var isClosed = false
    /// The common name in the peer's verified certificate.
    private(set) var peerName: String?

    init(session: OpaquePointer, context: TLSContext, peer: String) {
        self.session = session
        self.context = context
        self.peer = peer
    }

    deinit { SSL_free(session) }

    /// Takes bytes of the wire and hands on what they hold, piece by piece, in `buffer`.
    func receive(
        _ bytes: UnsafeRawBufferPointer, buffer: UnsafeMutableRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(RPCError) -> Void
    ) throws(RPCError) {
        let fed = cfluxon_tls_feed(session, bytes.baseAddress, CInt(clamping: bytes.count))
        guard fed == bytes.count else { throw failure() }
        if !isEstablished { try handshake() }
        guard isEstablished else { return }
        while true {
            var count = 0
            let state = Int(cfluxon_tls_read(session, buffer.baseAddress, buffer.count, &count))
            switch state {
            case cfluxon_tls_done: try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
            case cfluxon_tls_wants_bytes: return
            case cfluxon_tls_closed:
                isClosed = true
                return
            default: throw failure()
            }
        }
    }

    /// Goes on with the handshake; a client calls it once before any byte came.
    func handshake() throws(RPCError) {
        switch Int(cfluxon_tls_handshake(session)) {
        case cfluxon_tls_done:
            guard cfluxon_tls_has_h2(session) != 0 else { throw RPCError(tls: .notHTTP2(peer), peer: peer) }
            isEstablished = true
            peerName = readPeerName()
        case cfluxon_tls_wants_bytes: return
        default: throw failure()
        }
    }

    /// Encrypts all bytes of `plain` and moves what is to be sent to `output`.
    func encrypt(_ plain: inout OutputQueue, into output: inout OutputQueue) throws(RPCError) {
        while isEstablished, !plain.isEmpty {
            var written = 0
            let state = Int(plain.withFirst { cfluxon_tls_write(session, $0.baseAddress, min($0.count, 1 << 20), &written) })
            guard state == cfluxon_tls_done else { throw failure() }
            plain.removeFirst(written)
        }
        var bytes: UnsafeRawPointer?
        let count = cfluxon_tls_output(session, &bytes)
        guard count > 0 else { return }
        output.append(UnsafeRawBufferPointer(start: bytes, count: count))
        cfluxon_tls_output_taken(session)
    }

    /// Says that nothing more comes from here; the words for it go out with the next `encrypt`.
    func close() { if isEstablished { SSL_shutdown(session) } }

    private func readPeerName() -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            guard let base = text.baseAddress, cfluxon_tls_peer_name(session, base, 256) > 0 else { return nil }
            return String(cString: base)
        }
    }

    private func failure() -> RPCError { RPCError(tls: .failure(of: session, peer: peer), peer: peer) }
}

extension RPCError {
    init(tls error: TLSError, peer: String) {
        self.init(.unavailable, "the connection to \(peer) could not be made secure: \(error.message)", cause: error)
    }
}
