internal import CNGHTTP2

/// Where a session meets its budget: what nghttp2 reports before it works on a frame.
extension RPCSession {
    /// What a callback tells nghttp2.
    enum Verdict {
        case goOn
        /// Stop here; the rest of the bytes comes in the next turn.
        case wait
        /// The connection is over.
        case stop

        var code: CInt {
            switch self {
            case .goOn: 0
            case .wait: CInt(NGHTTP2_ERR_PAUSE.rawValue)
            case .stop: CInt(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
            }
        }
    }

    /// After a piece of DATA or a header field, where nghttp2 can stop.
    var verdict: Verdict {
        if budget.excess != nil { return .stop }
        guard budget.mustWait else { return .goOn }
        isPaused = true
        return .wait
    }

    /// The head of a frame is read.
    func frameBegan(_ header: nghttp2_frame_hd) -> Verdict {
        let isAcknowledgement = UInt32(header.flags) & UInt32(NGHTTP2_FLAG_ACK.rawValue) != 0
        let frame: ConnectionBudget.Frame
        switch UInt32(header.type) {
        case UInt32(NGHTTP2_DATA.rawValue): frame = Self.isEmpty(header) ? .oddity : .payload
        case UInt32(NGHTTP2_HEADERS.rawValue):
            budget.beganList()
            frame = .payload
        case UInt32(NGHTTP2_PRIORITY.rawValue):
            guard header.stream_id != 0 else {
                violation = "PRIORITY on stream 0 (RFC 9113 §6.3)"
                return .stop
            }
            frame = .oddity
        case UInt32(NGHTTP2_RST_STREAM.rawValue): frame = .reset
        case UInt32(NGHTTP2_SETTINGS.rawValue): frame = isAcknowledgement ? .oddity : .settings(streams: streams.count)
        default: frame = .oddity
        }
        return budget.received(frame) ? .goOn : .stop
    }

    /// DATA that brings nothing and ends nothing. Padding counts as such: no gRPC client sends it.
    private static func isEmpty(_ header: nghttp2_frame_hd) -> Bool {
        let flags = UInt32(header.flags)
        if flags & UInt32(NGHTTP2_FLAG_PADDED.rawValue) != 0 { return true }
        return header.length == 0 && flags & UInt32(NGHTTP2_FLAG_END_STREAM.rawValue) == 0
    }

    /// - Parameter byteCount: Of a header field, as HTTP/2 counts it.
    func fieldReceived(_ byteCount: Int) -> Verdict { budget.receivedField(byteCount) ? verdict : .stop }

    /// nghttp2 has refused a frame of the peer with a reset of ours.
    func frameRefused() -> Verdict { budget.received(.reset) ? .goOn : .stop }

    /// The peer costs too much, or broke a rule that nghttp2 does not hold: tells it so in the last frame of this session.
    func giveUp() -> RPCError? {
        if let excess = budget.excess {
            submitGoAway(NGHTTP2_ENHANCE_YOUR_CALM, "\(excess)")
            return RPCError(.resourceExhausted, "the peer asks for too much: \(excess)")
        }
        guard let violation else { return nil }
        submitGoAway(NGHTTP2_PROTOCOL_ERROR, violation)
        return RPCError(.unavailable, "the peer broke HTTP/2: \(violation)")
    }

    private func submitGoAway(_ code: nghttp2_error_code, _ words: String) {
        let last = nghttp2_session_get_last_proc_stream_id(handle)
        var words = words
        words.withUTF8 { _ = nghttp2_submit_goaway(handle, 0, last, UInt32(code.rawValue), $0.baseAddress, $0.count) }
        onOutput?()
    }

    // MARK: Memory

    /// A stream keeps so many bytes more, or less, of messages that nobody can use yet. False: too many on this connection.
    func keep(_ byteCount: Int) -> Bool {
        unfinishedBytes += byteCount
        return byteCount <= 0 || unfinishedBytes <= limits.unfinishedBytes
    }
}

extension NGHTTP2 {
    static func setBudgetCallbacks(_ callbacks: OpaquePointer) {
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, userData in
            guard let session = NGHTTP2.session(userData), let header else { return 0 }
            return session.frameBegan(header.pointee).code
        }
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { _, _, _, userData in
            NGHTTP2.session(userData)?.frameRefused().code ?? 0
        }
        // A frame of an unknown kind has been counted; what it says is nobody's.
        nghttp2_session_callbacks_set_unpack_extension_callback(callbacks) { _, _, _, _ in CInt(NGHTTP2_ERR_CANCEL.rawValue) }
    }
}
