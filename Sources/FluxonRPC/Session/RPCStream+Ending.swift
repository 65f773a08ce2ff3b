internal import CNGHTTP2
internal import DequeModule
internal import FluxonSystem

/// What a call holds of its connection, and how it ends on this side.
extension RPCStream {
    // MARK: The connection

    func join(_ session: RPCSession) {
        self.session = session
        session.queued(queuedBytes)
    }

    /// What this call holds counts no more against the connection.
    func leave() {
        releaseHeld()
        session?.queued(-queuedBytes)
        _ = session?.keep(-keptBytes)
        keptBytes = 0
        session = nil
    }

    func changeQueued(by byteCount: Int) {
        queuedBytes += byteCount
        session?.queued(byteCount)
    }

    /// Whether the connection lets this call keep what it has received of messages that are not whole, or not asked for yet.
    func mayKeepReceived() -> Bool {
        let now = decoder.unfinishedBytes + (unaryRequest?.count ?? 0)
        let more = now - keptBytes
        guard more != 0, let session else { return true }
        keptBytes = now
        return session.keep(more)
    }

    /// Nothing more of what came is wanted.
    func dropInbound() {
        inbox = []
        decoder = MessageDecoder()
        unaryRequest = nil
        _ = mayKeepReceived()
        releaseHeld()
    }

    // MARK: Ending

    /// Ends the call by an error found on this side: the client resets it, the server says why.
    func fail(_ status: RPCStatus) {
        if isClient {
            abandon(status)
        } else {
            dropOutbound()
            finish(status)
        }
    }

    /// The call's time is over. A server's answer that has not left by then does not leave in part: the status says so.
    func expire(_ status: RPCStatus) {
        guard !isEnded, !hasSentStatus else { return }
        guard !isClient else { return abandon(status) }
        dropOutbound()
        finalStatus = status
        dropInbound()
        sendStatus(status)
        end(status)
    }

    /// Resets the stream and ends the call here.
    func abandon(_ status: RPCStatus) {
        guard !isEnded else { return }
        dropOutbound()
        dropInbound()
        if let session, id > 0 { session.reset(self, NGHTTP2_CANCEL) }
        onDetach?()
        end(status)
    }

    func end(_ status: RPCStatus) {
        guard !isEnded else { return }
        isEnded = true
        timer?.cancel()
        timer = nil
        onDetach = nil
        let onEnd = onEnd
        clearCallbacks()
        if let onEnd { onEnd(status) } else { endStatus = status }
    }

    private func clearCallbacks() {
        unaryBody = nil
        onMessage = nil
        onHalfClose = nil
        onInitialMetadata = nil
        onWritable = nil
        onEnd = nil
    }

    func dropOutbound() {
        outbound = []
        changeQueued(by: -queuedBytes)
    }

    func releaseHeld() {
        let held = heldBytes
        heldBytes = 0
        session?.consumeHeld(self, held)
    }
}
