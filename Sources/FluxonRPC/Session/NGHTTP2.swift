internal import CNGHTTP2

/// nghttp2 as this module uses it: how sessions are made, and the callbacks that lead from C to `RPCSession` and `RPCStream`.
///
/// SAFETY: user data of a session is its `RPCSession` (unretained: the session object frees the nghttp2 session in its deinit); user data of a
/// stream is its `RPCStream`, which `RPCSession.streams` holds until nghttp2 reports the stream as closed.
enum NGHTTP2 {
    static func makeSession(isServer: Bool, limits: RPCLimits) -> OpaquePointer {
        var options: OpaquePointer?
        var callbacks: OpaquePointer?
        precondition(nghttp2_option_new(&options) == 0 && nghttp2_session_callbacks_new(&callbacks) == 0, "out of memory")
        guard let options, let callbacks else { preconditionFailure("out of memory") }
        defer {
            nghttp2_option_del(options)
            nghttp2_session_callbacks_del(callbacks)
        }
        // The reader says what it took (RPCSession.consume): a slow one pushes back to the peer.
        nghttp2_option_set_no_auto_window_update(options, 1)
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_no_auto_ping_ack(options, 0)
        nghttp2_option_set_max_send_header_block_length(options, limits.headerListBytes * 2)
        // Blanks around a value are no reason to reset a call: HeaderBlock takes them off.
        nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(options, 1)
        // So are answers that wait, of which nghttp2 allows a thousand without a word to the peer.
        nghttp2_option_set_max_outbound_ack(options, limits.queuedFrames)
        // Resets are counted by ConnectionBudget, which knows of the calls that ended in order.
        nghttp2_option_set_stream_reset_rate_limit(options, UInt64.max, 1)
        // Frames of unknown kinds are reported, so that they can be counted.
        for kind in UInt8(10)...UInt8.max { nghttp2_option_set_user_recv_extension_type(options, kind) }
        setCallbacks(callbacks)
        var session: OpaquePointer?
        let result =
            isServer
            ? nghttp2_session_server_new2(&session, callbacks, nil, options)
            : nghttp2_session_client_new2(&session, callbacks, nil, options)
        guard result == 0, let session else { preconditionFailure("out of memory") }
        return session
    }

    static func attach(_ handle: OpaquePointer, to session: RPCSession) {
        nghttp2_session_set_user_data(handle, Unmanaged.passUnretained(session).toOpaque())
    }

    static func free(_ handle: OpaquePointer) { nghttp2_session_del(handle) }

    static func submitSettings(_ handle: OpaquePointer, role: RPCSession.Role, limits: RPCLimits) {
        func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
            nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(clamping: value))
        }
        let window = min(max(limits.streamWindowBytes, 1), Int(Int32.max))
        var entries = [
            entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window),
            entry(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, min(max(limits.frameBytes, 1 << 14), 1 << 24 - 1)),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.headerListBytes),
            // Streams take turns; the tree of priorities that gRPC never used costs time per frame.
            entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ]
        switch role {
        case .client: entries.append(entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
        case .server: entries.append(entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.concurrentStreams))
        }
        nghttp2_submit_settings(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), entries, entries.count)
        let connectionWindow = Int32(clamping: max(limits.connectionWindowBytes, 65535))
        nghttp2_session_set_local_window_size(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, connectionWindow)
    }

    static func provider(for stream: RPCStream) -> nghttp2_data_provider {
        nghttp2_data_provider(
            source: nghttp2_data_source(ptr: Unmanaged.passUnretained(stream).toOpaque()), read_callback: readCallback)
    }

    // MARK: Callbacks

    static func session(_ userData: UnsafeMutableRawPointer?) -> RPCSession? {
        userData.map { Unmanaged<RPCSession>.fromOpaque($0).takeUnretainedValue() }
    }

    static func stream(_ handle: OpaquePointer?, _ id: Int32) -> RPCStream? {
        nghttp2_session_get_stream_user_data(handle, id).map { Unmanaged<RPCStream>.fromOpaque($0).takeUnretainedValue() }
    }

    private static let readCallback: nghttp2_data_source_read_callback = { _, _, _, length, flags, source, _ in
        guard let pointer = source?.pointee.ptr, let flags else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
        let stream = Unmanaged<RPCStream>.fromOpaque(pointer).takeUnretainedValue()
        switch stream.nextData(limit: length) {
        case .deferred: return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        case .bytes(let count, let end):
            var bits: UInt32 = count > 0 ? UInt32(NGHTTP2_DATA_FLAG_NO_COPY.rawValue) : 0
            switch end {
            case .none: break
            case .endStream: bits |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue)
            case .trailers: bits |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue) | UInt32(NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue)
            }
            flags.pointee = bits
            return count
        }
    }

    private static func setSendingCallbacks(_ callbacks: OpaquePointer) {
        nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, _, frameHeader, length, source, userData in
            guard let session = NGHTTP2.session(userData), let frameHeader, let pointer = source?.pointee.ptr else {
                return CInt(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
            }
            let stream = Unmanaged<RPCStream>.fromOpaque(pointer).takeUnretainedValue()
            session.output.append(UnsafeRawBufferPointer(start: frameHeader, count: 9))
            stream.takeData(length, into: &session.output)
            session.budget.sentData()
            // Back to `produce`, which looks at how much is there.
            return session.output.byteCount >= 1 << 20 ? CInt(NGHTTP2_ERR_PAUSE.rawValue) : 0
        }
        nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks) { _, _, _, _, _, maxFrameSize, _ in
            Int(min(maxFrameSize, 256 << 10))
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { handle, frame, userData in
            guard let session = NGHTTP2.session(userData), let frame else { return 0 }
            let header = frame.pointee.hd
            if UInt32(header.type) == UInt32(NGHTTP2_GOAWAY.rawValue), frame.pointee.goaway.error_code != 0 {
                session.gaveUp(NGHTTP2.words(of: frame.pointee.goaway))
            }
            guard session.role == .server, UInt32(header.flags) & UInt32(NGHTTP2_FLAG_END_STREAM.rawValue) != 0, let handle else {
                return 0
            }
            // The answer is complete and the client still sends: tell it to stop (RFC 9113 §8.1).
            if nghttp2_session_get_stream_remote_close(handle, header.stream_id) == 0 {
                nghttp2_submit_rst_stream(handle, 0, header.stream_id, UInt32(NGHTTP2_NO_ERROR.rawValue))
            }
            return 0
        }
    }

    private static func setCallbacks(_ callbacks: OpaquePointer) {
        setSendingCallbacks(callbacks)
        setBudgetCallbacks(callbacks)
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { handle, frame, userData in
            guard let session = NGHTTP2.session(userData), let frame else { return 0 }
            if frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
                session.requestBegan(id: frame.pointee.hd.stream_id)
            } else {
                NGHTTP2.stream(handle, frame.pointee.hd.stream_id)?.headersBegan()
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) { handle, frame, name, nameCount, value, valueCount, _, userData in
            guard let session = NGHTTP2.session(userData), let frame else { return 0 }
            let name = UnsafeBufferPointer(start: name, count: nameCount)
            let value = UnsafeBufferPointer(start: value, count: valueCount)
            NGHTTP2.stream(handle, frame.pointee.hd.stream_id)?.headerReceived(name, value)
            return session.fieldReceived(name.count + value.count + HeaderBlock.fieldOverhead).code
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { handle, _, id, bytes, count, userData in
            guard let session = NGHTTP2.session(userData) else { return 0 }
            let data = UnsafeRawBufferPointer(start: bytes, count: count)
            if let stream = NGHTTP2.stream(handle, id) {
                stream.dataReceived(data)
            } else {
                nghttp2_session_consume_connection(session.handle, count)
            }
            return session.verdict.code
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { handle, frame, userData in
            guard let session = NGHTTP2.session(userData), let frame else { return 0 }
            NGHTTP2.frameReceived(handle, frame, session)
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, errorCode, userData in
            NGHTTP2.session(userData)?.streamClosed(id: id, errorCode: errorCode)
            return 0
        }
        nghttp2_session_callbacks_set_error_callback2(callbacks) { _, _, words, count, userData in
            guard let words else { return 0 }
            let text = UnsafeRawBufferPointer(start: words, count: count)
            NGHTTP2.session(userData)?.complained(String(decoding: text, as: UTF8.self))
            return 0
        }
    }

    fileprivate static func words(of goAway: nghttp2_goaway) -> String {
        let details = UnsafeRawBufferPointer(start: goAway.opaque_data, count: min(goAway.opaque_data_len, 256))
        let reason = String(cString: nghttp2_http2_strerror(goAway.error_code))
        return details.isEmpty ? reason : "\(reason) (\(String(decoding: details, as: UTF8.self)))"
    }

    fileprivate static func frameReceived(_ handle: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>, _ session: RPCSession) {
        let header = frame.pointee.hd
        let isEnd = UInt32(header.flags) & UInt32(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch UInt32(header.type) {
        case UInt32(NGHTTP2_HEADERS.rawValue):
            guard let stream = stream(handle, header.stream_id) else { return }
            stream.headersEnded(isRequest: frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST, isEnd: isEnd)
        case UInt32(NGHTTP2_DATA.rawValue):
            if isEnd { stream(handle, header.stream_id)?.endReceived() }
        case UInt32(NGHTTP2_SETTINGS.rawValue):
            if UInt32(header.flags) & UInt32(NGHTTP2_FLAG_ACK.rawValue) == 0 { session.settingsReceived() }
        case UInt32(NGHTTP2_PING.rawValue):
            if UInt32(header.flags) & UInt32(NGHTTP2_FLAG_ACK.rawValue) != 0 { session.onPong?() }
        case UInt32(NGHTTP2_GOAWAY.rawValue):
            session.goAwayReceived(words(of: frame.pointee.goaway))
        default: break
        }
    }
}
