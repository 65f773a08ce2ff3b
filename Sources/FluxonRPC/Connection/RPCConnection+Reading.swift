internal import FluxonSystem
internal import FluxonTLS

// One chain of reads at a time, one piece in each turn:
//
//     waiting for a report ──report──▶ reads a piece ──short, all taken──▶ waiting for a report
//                                          │  ▲
//                  full, or a part is left ▼  │ next turn: what is left first
//                                        goes on
extension RPCConnection {
    /// Pieces that are read at the end, to learn why the peer closed.
    private static let lastPieces = 16

    /// Takes bytes that somebody else has read off the socket already.
    func receive(_ bytes: [UInt8]) {
        guard !isClosed else { return }
        bytes.withUnsafeBytes { deliver($0) }
        if !isClosed, hasLeft { goOn() }
    }

    func read() {
        willRead = false
        beginTurn()
        if hasLeft {
            deliverLeft()
            if !isClosed { goOn() }
            return
        }
        if readPiece() { goOn() }
    }

    private func beginTurn() {
        session.budget.beginTurn()
        if session.budget.isLow { session.budget.refill(now: loop.now) }
    }

    private func goOn() {
        willRead = true
        loop.inNextTick { [self] in
            if !isClosed { read() }
        }
    }

    /// False when there is nothing more to read without a report of the kernel.
    private func readPiece() -> Bool {
        guard let number = socketNumber else { return false }
        let wanted = min(session.budget.readBytes, buffer.bytes.count)
        switch Socket.receive(number, into: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<wanted])) {
        case .moved(let count):
            noteActivity()
            session.budget.read(count)
            deliver(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer.bytes)[..<count]))
            // A short read has emptied the socket: the next bytes make a new report, and after the end there is none.
            return !isClosed && (hasLeft || count == wanted || isEndReported)
        case .wouldBlock: return false
        case .ended:
            close(closedByPeer)
            return false
        case .failed(let errno):
            let cause = SystemError("read from \(peer)", errno: errno)
            close(RPCError(.unavailable, "the connection to \(peer) broke", cause: cause))
            return false
        }
    }

    /// The socket takes nothing more; what the peer said before it closed may tell why.
    func readLastWords() {
        for _ in 0..<Self.lastPieces where !isClosed && !hasLeft {
            guard readPiece() else { return }
        }
    }

    private var hasLeft: Bool { session.isPaused || !unread.isEmpty }

    private func deliver(_ bytes: UnsafeRawBufferPointer) {
        // A TLS handshake or alert where HTTP/2 should begin.
        if tls == nil, !session.isReady, bytes.count >= 2, bytes[0] == 0x15 || bytes[0] == 0x16, bytes[1] == 3 {
            return close(RPCError(tls: .needsTLS(peer), peer: peer))
        }
        do throws(RPCError) {
            if let tls {
                try tls.receive(bytes, buffer: buffer.plain) { plain throws(RPCError) in try take(plain) }
            } else {
                try take(bytes)
            }
        } catch {
            return give(up: error)
        }
        delivered()
    }

    private func take(_ bytes: UnsafeRawBufferPointer) throws(RPCError) {
        guard !hasLeft else { return unread.append(contentsOf: bytes) }
        let taken = try session.receive(bytes)
        if taken < bytes.count { unread.append(contentsOf: bytes.dropFirst(taken)) }
    }

    private func deliverLeft() {
        do throws(RPCError) {
            let result = unread.withUnsafeBytes { bytes in
                Result { () throws(RPCError) in
                    // nghttp2 may have stopped behind the last byte, and has something to finish all the same.
                    let left = bytes.isEmpty ? UnsafeRawBufferPointer(buffer.bytes)[..<0] : bytes[unreadStart...]
                    return try session.receive(UnsafeRawBufferPointer(rebasing: left))
                }
            }
            unreadStart += try result.get()
            if unreadStart >= unread.count {
                unread = []
                unreadStart = 0
            }
        } catch {
            return give(up: error)
        }
        delivered()
    }

    private func delivered() {
        settle()
        guard !isClosed else { return }
        if tls?.isClosed == true { return close(closedByPeer) }
        // Answers to frames of the peer (SETTINGS, PING, WINDOW_UPDATE) are made by nghttp2 alone.
        if session.wantsWrite || tls?.isEstablished == false { scheduleFlush() } else { closeIfOver() }
    }

    private func give(up error: RPCError) {
        sayGoodbye()
        close(error)
    }
}
