internal import CNGHTTP2
internal import DequeModule

/// What the session tells a stream.
extension RPCStream {
    // MARK: Sending

    enum DataEnd { case none, endStream, trailers }
    enum DataStep { case deferred, bytes(Int, DataEnd) }

    /// How many bytes the next DATA frame takes, and what comes after it.
    func nextData(limit: Int) -> DataStep {
        guard !hasSentStatus else { return .deferred }
        let count = min(limit, queuedBytes)
        let isLast = count == queuedBytes
        if isClient {
            if isLast, isHalfClosed { return .bytes(count, .endStream) }
        } else if isLast, let finalStatus {
            hasSentStatus = true
            session?.sendTrailers(self, finalStatus)
            return .bytes(count, .trailers)
        }
        if count == 0 {
            isDeferred = true
            return .deferred
        }
        return .bytes(count, .none)
    }

    /// Moves `count` bytes, as announced by `nextData`.
    func takeData(_ count: Int, into output: inout OutputQueue) {
        var missing = count
        while missing > 0, let first = outbound.first {
            let prefixLeft = max(5 - first.sent, 0)
            if prefixLeft > 0 {
                let taken = min(prefixLeft, missing)
                withUnsafeBytes(of: UInt32(clamping: first.message.count).bigEndian) { length in
                    for index in first.sent..<first.sent + taken {
                        var byte: UInt8 = index == 0 ? 0 : length[index - 1]
                        withUnsafeBytes(of: &byte) { output.append($0) }
                    }
                }
                missing -= taken
                outbound[0].sent += taken
            }
            let start = outbound[0].sent - 5
            if start >= 0 {
                let taken = min(first.message.count - start, missing)
                output.append(first.message, range: start..<start + taken)
                missing -= taken
                outbound[0].sent += taken
                if start + taken == first.message.count { outbound.removeFirst() }
            }
        }
        changeQueued(by: missing - count)
        if wasUnwritable, queuedBytes <= limits.writableBytes / 2, session?.isCrowded != true {
            wasUnwritable = false
            session?.becameWritable(self)
        }
    }

    // MARK: Receiving

    func headersBegan() { block = HeaderBlock() }

    /// Fields over the limit are counted by the session's budget; the call is refused at the end of the list.
    func headerReceived(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        guard let session, block.byteCount <= limits.headerListBytes else { return }
        block.add(name, value, knownPath: &session.knownPath)
    }

    func headersEnded(isRequest: Bool, isEnd: Bool) {
        if isClient {
            answerHeadersEnded(isEnd: isEnd)
            return
        }
        if isRequest { requestEnded() }
        if isEnd { endReceived() }
    }

    private func requestEnded() {
        path = block.path ?? ""
        metadata = block.metadata
        if let refusal = refusal() {
            hasResponded = true
            hasSentStatus = true
            finalStatus = refusal.status
            session?.respond(self, only: refusal.status, httpStatus: refusal.httpStatus)
            return
        }
        session?.onRequest?(self)
    }

    private func refusal() -> (status: RPCStatus, httpStatus: StaticString)? {
        if block.byteCount > limits.headerListBytes {
            _ = session?.budget.refusedCall()
            let words = "the header fields take more than \(limits.headerListBytes) bytes; send less metadata"
            return (RPCStatus(.resourceExhausted, words), "200")
        }
        if !block.isPOST { return (RPCStatus(.internalError, "gRPC calls are POST requests"), "405") }
        if !block.isGRPC { return (RPCStatus(.internalError, "the content-type must be application/grpc"), "415") }
        if let problem = block.problem {
            return (RPCStatus(problem == .compressed ? .unimplemented : .internalError, "\(problem)"), "200")
        }
        return nil
    }

    private func answerHeadersEnded(isEnd: Bool) {
        guard !isEnded else { return }
        if block.byteCount > limits.headerListBytes {
            return abandon(RPCStatus(.resourceExhausted, "the answer's header fields take more than \(limits.headerListBytes) bytes"))
        }
        if isEnd { return statusReceived() }
        if let httpStatus = block.httpStatus, (100..<200).contains(httpStatus) { return }
        guard !hasResponse else { return }
        hasResponse = true
        guard block.httpStatus == 200, block.isGRPC, block.problem == nil else { return abandon(foreignAnswer()) }
        initialMetadata = block.metadata
        onInitialMetadata?()
    }

    /// What to make of an answer that is not gRPC.
    private func foreignAnswer() -> RPCStatus {
        let httpStatus = block.httpStatus ?? 0
        if let code = block.code, code != .ok { return RPCStatus(code, block.message, trailers: block.metadata) }
        if let problem = block.problem { return RPCStatus(.internalError, "the answer cannot be read: \(problem)") }
        return RPCStatus(
            httpStatus == 200 ? .unknown : RPCCode(httpStatus: httpStatus),
            "the peer answered HTTP \(httpStatus) without gRPC; check that the address is a gRPC server")
    }

    private func statusReceived() {
        if let code = block.code, block.problem == nil {
            let status = RPCStatus(code, block.message, trailers: block.metadata)
            receiveEnd(.status(decoder.isWithinMessage && code == .ok ? Self.cutOff : status))
        } else {
            receiveEnd(.status(foreignAnswer()))
        }
    }

    private static let cutOff = RPCStatus(.internalError, "the peer ended within a message")

    /// The peer sends nothing more.
    func endReceived() {
        guard !isEnded, pendingEnd == nil else { return }
        if isClient {
            receiveEnd(.status(RPCStatus(.unknown, "the peer ended the call without a status")))
        } else if finalStatus == nil {
            if decoder.isWithinMessage { return finish(Self.cutOff) }
            receiveEnd(.halfClose)
        }
    }

    private func receiveEnd(_ end: PendingEnd) {
        pendingEnd = end
        if inbox.isEmpty { deliverEnd() }
    }

    func deliverEnd() {
        guard let end = pendingEnd else { return }
        switch end {
        case .halfClose:
            pendingEnd = nil
            if let unaryBody { answerUnary(unaryBody) } else { onHalfClose?() }
        case .status(let status):
            pendingEnd = nil
            // The answer is complete; if the request is not, the server does not want the rest.
            if !isHalfClosed || queuedBytes > 0, let session {
                dropOutbound()
                session.reset(self, NGHTTP2_CANCEL)
            }
            self.end(status)
        }
    }

    private func answerUnary(_ body: ([UInt8], RPCStream) -> Void) {
        guard let request = unaryRequest else { return finish(wrongCount("none")) }
        unaryRequest = nil
        _ = mayKeepReceived()
        body(request, self)
    }

    /// gRPC's status for it ("request cardinality violation").
    private func wrongCount(_ came: String) -> RPCStatus { RPCStatus(.unimplemented, "\(path) takes one message, and \(came) came") }

    func dataReceived(_ bytes: UnsafeRawBufferPointer) {
        guard !isEnded, finalStatus == nil, pendingEnd == nil else {
            session?.consume(self, bytes.count)
            return
        }
        var rest = bytes
        let limit = limits.receivedMessageBytes ?? limits.messageBytes
        do throws(MessageDecoder.Failure) {
            while !isEnded, finalStatus == nil, let message = try decoder.next(&rest, limit: limit) { deliver(message) }
        } catch {
            session?.consume(self, bytes.count)
            return fail(Self.status(of: error))
        }
        if !mayKeepReceived() { refuseUnfinished() }
        if isReadingPaused, !isEnded, finalStatus == nil {
            heldBytes += bytes.count
            session?.hold(bytes.count)
        } else {
            session?.consume(self, bytes.count)
        }
    }

    private func refuseUnfinished() {
        _ = session?.budget.refusedCall()
        fail(
            RPCStatus(
                .resourceExhausted,
                "messages that are not whole take more than \(limits.unfinishedBytes) bytes of this connection; send fewer at a time"))
    }

    private func deliver(_ message: [UInt8]) {
        if isReadingPaused {
            inbox.append(message)
        } else if unaryBody != nil {
            guard unaryRequest == nil else { return finish(wrongCount("two")) }
            unaryRequest = message
        } else {
            onMessage?(message)
        }
    }

    private static func status(of failure: MessageDecoder.Failure) -> RPCStatus {
        switch failure {
        case .tooLong(let byteCount, let limit):
            RPCStatus(.resourceExhausted, "a message of \(byteCount) bytes came, over the limit of \(limit); send it in parts")
        case .compressed(let flag):
            RPCStatus(.internalError, "a compressed message (flag \(flag)) came without agreement on a compression")
        }
    }

    // MARK: Ending

    /// HTTP/2 is done with this stream.
    func closed(errorCode: UInt32) {
        let status = closingStatus(errorCode)
        dropOutbound()
        leave()
        // A status that waits behind unread messages stays, and comes when they are read.
        if isClient, case .status = pendingEnd { return }
        end(status)
    }

    private func closingStatus(_ errorCode: UInt32) -> RPCStatus {
        if errorCode == UInt32(NGHTTP2_NO_ERROR.rawValue), let finalStatus { return finalStatus }
        switch errorCode {
        case UInt32(NGHTTP2_NO_ERROR.rawValue): return RPCStatus(.unknown, "the peer ended the call without a status")
        case UInt32(NGHTTP2_CANCEL.rawValue): return RPCStatus(.cancelled, "the peer cancelled the call")
        case UInt32(NGHTTP2_REFUSED_STREAM.rawValue):
            return RPCStatus(.unavailable, "the peer refused the call before looking at it; try again", isUnprocessed: true)
        case UInt32(NGHTTP2_ENHANCE_YOUR_CALM.rawValue):
            return RPCStatus(.resourceExhausted, "the peer is asked too much; wait and try again")
        case UInt32(NGHTTP2_INADEQUATE_SECURITY.rawValue): return RPCStatus(.permissionDenied, "the peer asks for better security")
        default:
            let words = String(cString: nghttp2_http2_strerror(errorCode))
            return RPCStatus(.internalError, "the call was reset with \(words)\(session?.complaint.map { " (\($0))" } ?? "")")
        }
    }

    /// The connection is gone.
    func connectionEnded(_ status: RPCStatus) {
        dropOutbound()
        leave()
        if isClient, case .status = pendingEnd { return }
        end(status)
    }
}
