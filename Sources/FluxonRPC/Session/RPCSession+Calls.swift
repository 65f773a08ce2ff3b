internal import CNGHTTP2

/// What calls ask of their session.
extension RPCSession {
    /// Client: puts a call on the wire at the end of the turn, or when the server takes one more. False when this connection takes no more
    /// calls. A call that is cancelled before costs nothing.
    func open(_ stream: RPCStream, _ opening: RPCStream.Opening) -> Bool {
        guard nghttp2_session_check_request_allowed(handle) != 0 else { return false }
        stream.opening = opening
        pending.append(stream)
        stream.join(self)
        stream.onDetach = { [unowned self, unowned stream] in
            pending.remove(stream)
            stream.leave()
        }
        onOutput?()
        return true
    }

    /// Client: the calls that the server has not seen, to be tried elsewhere.
    func takePending() -> [RPCStream] {
        let calls = pending.removeAll()
        for stream in calls {
            stream.leave()
            stream.onDetach = nil
        }
        return calls
    }

    /// Whether no call is at work or waits.
    var isIdle: Bool { streams.isEmpty && pending.isEmpty }

    func submitPending() {
        guard role == .client, !pending.isEmpty else { return }
        let most = Int(nghttp2_session_get_remote_settings(handle, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
        while streams.count < most, let stream = pending.popFirst() { submit(stream) }
    }

    private func submit(_ stream: RPCStream) {
        guard let opening = stream.opening else { return }
        stream.opening = nil
        headers.removeAll()
        headers.add(":method", "POST")
        headers.add(":scheme", opening.scheme)
        headers.add(":path", stream.path)
        headers.add(":authority", opening.authority)
        headers.add("te", "trailers")
        headers.add("content-type", "application/grpc")
        headers.add("user-agent", "grpc-fluxon")
        if let timeout = opening.timeout { headers.add("grpc-timeout", GRPCWire.timeout(timeout)) }
        headers.add(stream.metadata)
        var provider = NGHTTP2.provider(for: stream)
        let id = headers.withFields { fields, count in
            nghttp2_submit_request(handle, nil, fields, count, &provider, Unmanaged.passUnretained(stream).toOpaque())
        }
        stream.onDetach = nil
        guard id > 0 else {
            stream.leave()
            return stream.end(RPCStatus(.unavailable, "this connection takes no more calls; try again", isUnprocessed: true))
        }
        streams[id] = stream
        stream.id = id
        budget.beganCall()
    }

    /// Server: the first fields of an answer, with messages to follow.
    func respond(_ stream: RPCStream) {
        headers.removeAll()
        headers.add(":status", "200")
        headers.add("content-type", "application/grpc")
        headers.add(stream.initialMetadata)
        var provider = NGHTTP2.provider(for: stream)
        _ = headers.withFields { fields, count in nghttp2_submit_response(handle, stream.id, fields, count, &provider) }
        onOutput?()
    }

    /// Server: an answer that is a status and nothing else.
    ///
    /// - Parameter httpStatus: What an HTTP client is told.
    func respond(_ stream: RPCStream, only status: RPCStatus, httpStatus: StaticString = "200") {
        headers.removeAll()
        headers.add(":status", httpStatus)
        headers.add("content-type", "application/grpc")
        // Whoever compresses learns what is understood here (gRPC's compression.md).
        if stream.block.problem == .compressed { headers.add("grpc-accept-encoding", "identity") }
        headers.add(stream.initialMetadata)
        addStatus(status)
        _ = headers.withFields { fields, count in nghttp2_submit_response(handle, stream.id, fields, count, nil) }
        onOutput?()
    }

    func sendTrailers(_ stream: RPCStream, _ status: RPCStatus) {
        headers.removeAll()
        addStatus(status)
        _ = headers.withFields { fields, count in nghttp2_submit_trailer(handle, stream.id, fields, count) }
    }

    private func addStatus(_ status: RPCStatus) {
        if status.isOK {
            headers.add("grpc-status", "0")
        } else {
            headers.add("grpc-status", "\(status.code.rawValue)")
            if !status.message.isEmpty { headers.add("grpc-message", bytes: GRPCWire.encodeMessage(status.message)) }
        }
        headers.add(status.trailers)
    }

    func resume(_ stream: RPCStream) {
        nghttp2_session_resume_data(handle, stream.id)
        onOutput?()
    }

    func reset(_ stream: RPCStream, _ code: nghttp2_error_code) {
        nghttp2_submit_rst_stream(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, UInt32(code.rawValue))
        onOutput?()
    }
}
