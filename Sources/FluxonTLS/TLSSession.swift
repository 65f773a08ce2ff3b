internal import COpenSSL

/// TLS of one connection without its socket: bytes of the wire in, plain bytes out, and the other way round. On its loop only.
package final class TLSSession {
    /// What `decrypt` found.
    package enum Plain: Hashable, Sendable {
        case bytes(Int)
        /// Nothing whole is left of what was fed.
        case needsBytes
        /// The peer said that it sends nothing more.
        case closed
    }

    /// Plain bytes that one call of `encrypt` takes at most; bounds what waits to be sent.
    private static let bytesPerCall = 1 << 20

    // SAFETY: freed in `deinit`, used nowhere after; its two memory BIOs belong to it.
    private let session: OpaquePointer
    private let context: TLSContext
    package let peer: String
    private let `protocol`: TLSProtocol
    package private(set) var isEstablished = false
    /// The peer said that it sends nothing more.
    package private(set) var isClosed = false
    /// The common name in the peer's verified certificate.
    package private(set) var peerName: String?

    init(session: OpaquePointer, context: TLSContext, peer: String, protocol: TLSProtocol) {
        self.session = session
        self.context = context
        self.peer = peer
        self.protocol = `protocol`
    }

    deinit { SSL_free(session) }

    /// Takes bytes of the wire, and goes on with the handshake while there is one.
    package func feed(_ bytes: UnsafeRawBufferPointer) throws(TLSError) {
        let fed = cfluxon_tls_feed(session, bytes.baseAddress, CInt(clamping: bytes.count))
        guard fed == bytes.count else { throw failure() }
        if !isEstablished { try handshake() }
    }

    /// Puts plain bytes out of what was fed into `buffer`. Call it until it says `needsBytes`.
    package func decrypt(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> Plain {
        guard isEstablished, buffer.count > 0 else { return .needsBytes }
        var count = 0
        switch Int(cfluxon_tls_read(session, buffer.baseAddress, buffer.count, &count)) {
        case cfluxon_tls_done: return .bytes(count)
        case cfluxon_tls_wants_bytes: return .needsBytes
        case cfluxon_tls_closed:
            isClosed = true
            return .closed
        default: throw failure()
        }
    }

    /// Whether `decrypt` may find something without more being fed.
    package var hasPending: Bool { cfluxon_tls_has_pending(session) != 0 }

    /// Goes on with the handshake; a client calls it once before any byte came.
    package func handshake() throws(TLSError) {
        switch Int(cfluxon_tls_handshake(session)) {
        case cfluxon_tls_done:
            guard cfluxon_tls_has_protocol(session) != 0 else { throw .otherProtocol(peer, `protocol`) }
            isEstablished = true
            peerName = readPeerName()
        case cfluxon_tls_wants_bytes: return
        default: throw failure()
        }
    }

    /// Encrypts bytes from the start of `plain`, once the handshake is done; `output` grows by them.
    ///
    /// - Returns: How many it took.
    package func encrypt(_ plain: UnsafeRawBufferPointer) throws(TLSError) -> Int {
        guard isEstablished, plain.count > 0 else { return 0 }
        var written = 0
        let state = Int(cfluxon_tls_write(session, plain.baseAddress, min(plain.count, Self.bytesPerCall), &written))
        guard state == cfluxon_tls_done else { throw failure() }
        return written
    }

    /// What is to be sent over the wire. Lent until the next call of any other method.
    package var output: UnsafeRawBufferPointer {
        var bytes: UnsafeRawPointer?
        let count = cfluxon_tls_output(session, &bytes)
        return UnsafeRawBufferPointer(start: bytes, count: count)
    }

    /// All of `output` was sent or copied.
    package func outputTaken() { cfluxon_tls_output_taken(session) }

    /// Says that nothing more comes from here; the words for it are in `output` then.
    package func close() { if isEstablished { SSL_shutdown(session) } }

    private func readPeerName() -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            guard let base = text.baseAddress, cfluxon_tls_peer_name(session, base, 256) > 0 else { return nil }
            return String(cString: base)
        }
    }

    private func failure() -> TLSError { .failure(of: session, peer: peer, protocol: `protocol`) }
}
