internal import FluxonTLS

/// A connection's way through TLS.
extension TLSSession {
    /// Takes bytes of the wire and hands on what they hold, piece by piece, in `buffer`.
    func receive(
        _ bytes: UnsafeRawBufferPointer, buffer: UnsafeMutableRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(RPCError) -> Void
    ) throws(RPCError) {
        try translated { () throws(TLSError) in try feed(bytes) }
        while case .bytes(let count) = try translated({ () throws(TLSError) in try decrypt(into: buffer) }) {
            try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
        }
    }

    /// Encrypts all bytes of `plain` and moves what is to be sent to `output`.
    func encrypt(_ plain: inout OutputQueue, into output: inout OutputQueue) throws(RPCError) {
        while isEstablished, !plain.isEmpty {
            let result = plain.withFirst { bytes in Result { () throws(TLSError) in try encrypt(bytes) } }
            let taken = try translated { () throws(TLSError) in try result.get() }
            plain.removeFirst(taken)
        }
        guard !self.output.isEmpty else { return }
        output.append(self.output)
        outputTaken()
    }

    /// Goes on with the handshake; a client calls it once before any byte came.
    func shakeHands() throws(RPCError) {
        try translated { () throws(TLSError) in try handshake() }
    }

    private func translated<R>(_ body: () throws(TLSError) -> R) throws(RPCError) -> R {
        do throws(TLSError) { return try body() } catch { throw RPCError(tls: error, peer: peer) }
    }
}

extension RPCError {
    init(tls error: TLSError, peer: String) {
        self.init(.unavailable, "the connection to \(peer) could not be made secure: \(error.message)", cause: error)
    }
}
