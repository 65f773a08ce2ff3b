internal import FluxonCore
internal import FluxonRPC
internal import FluxonSystem
internal import FluxonTLS

/// One server, its connection, and the two ways of calling it. On the loop only.
final class EtcdEndpoint {
    let name: String
    private let rpc: RPCClient

    /// - Parameter tls: Nil for `http`.
    init(_ address: NetworkEndpoint, loop: EventLoop, tls: TLSContext?) {
        name = address.description
        rpc = RPCClient(loop: loop, target: .tcp(host: address.host, port: address.port), tls: tls)
    }

    func close() { rpc.close() }

    /// Whether a call would leave at once.
    var isConnected: Bool { rpc.isConnected }

    /// - Parameter body: Called once, with the answer or the reason why there is none.
    @discardableResult
    func unary(
        _ method: String, _ message: [UInt8], token: String?, timeout: Duration,
        _ body: @escaping (Result<[UInt8], AttemptFailure>) -> Void
    ) -> RPCStream {
        let stream = open(method, token: token, timeout: timeout)
        var answer: [UInt8]?
        stream.onMessage = { answer = $0 }
        stream.onEnd = { status in
            guard status.isOK else { return body(.failure(AttemptFailure(status))) }
            guard let answer else {
                return body(.failure(AttemptFailure(code: 13, message: "the call ended without an answer", mayHaveTakenEffect: true)))
            }
            body(.success(answer))
        }
        stream.send(message)
        stream.halfClose()
        return stream
    }

    /// - Parameter timeout: Nil for one that stays open.
    func open(_ method: String, token: String?, timeout: Duration?) -> RPCStream {
        var metadata = RPCMetadata()
        if let token, !token.isEmpty { metadata.add("token", token) }
        guard let timeout else { return rpc.openWithoutDeadline(method, metadata: metadata) }
        return rpc.open(method, metadata: metadata, deadline: timeout)
    }
}

extension AttemptFailure {
    /// A refusal in etcd's own words had no effect; what ended otherwise in a way that servers and connections end may have had one.
    init(_ status: RPCStatus) {
        let isWorded = EtcdFault(rawValue: status.message).map { $0 != .timedOut && $0 != .leaderChanged } ?? false
        var message = status.message
        if let cause = status.cause, !message.contains("\(cause)") { message += " (\(cause))" }
        self.init(
            code: Int(status.code.rawValue), message: message, mayHaveTakenEffect: !status.isUnprocessed && !isWorded)
    }
}
