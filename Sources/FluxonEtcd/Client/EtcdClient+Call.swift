internal import FluxonCore
internal import FluxonRPC
private import FluxonSystem
internal import SwiftProtobuf

/// Why one attempt at one endpoint gave no answer.
struct AttemptFailure: Error {
    let code: Int
    let message: String
    /// Whether the server may have begun to work on it.
    let mayHaveTakenEffect: Bool

    var fault: EtcdFault? { EtcdFault(rawValue: message) }

    /// The token is no longer good: a new one may be.
    var isTokenRefused: Bool {
        fault == .invalidToken || fault == .oldAuthenticationRevision || fault == .userEmpty
    }

    var isTimeout: Bool { code == 4 }

    /// Whether another endpoint, or the same one later, may answer: every failure but a refusal of the request in etcd's own words.
    var isTransient: Bool {
        if let fault { return fault.isTransient }
        return !(message.hasPrefix("etcdserver: ") && Self.refusalCodes.contains(code))
    }

    /// Statuses that speak of the request and not of the server.
    private static let refusalCodes: Set<Int> = [3, 5, 7, 9, 11, 12, 16]
}

extension EtcdClient {
    /// One unary call with everything around it: token, fail-over, repetition where that is harmless, deadline.
    ///
    /// - Parameter isRepeatable: Whether sending it twice does no harm.
    func call<Request: Message & Sendable, Response: Message>(
        _ method: String, _ request: Request, isRepeatable: Bool, timeout: Duration?
    ) async throws(EtcdError) -> Response {
        let message: [UInt8]
        do { message = try request.serializedBytes() } catch { throw .badOptions("\(method): \(error)") }
        let timeout = timeout ?? options.timeout
        let deadline = loop.now.advanced(by: timeout)
        var retry = RetryPolicy(endpointCount: options.endpoints.count)
        var lastFailure: String?
        while true {
            guard !Task.isCancelled else { throw .cancelled }
            let endpoint = try currentEndpoint()
            let remaining = deadline.since(loop.now)
            guard remaining > .zero else {
                throw .unreachable(
                    method: method, endpoints: options.endpoints.map(\.description), timeout: timeout,
                    lastFailure: lastFailure ?? "the time was over before the first attempt")
            }
            // A write that was sent waits to the end, since nothing else tells its outcome; one that waits for a connection need not.
            let mayGoOn = endpoints.count > 1 && (isRepeatable || !endpoint.isConnected)
            let allowed = mayGoOn ? min(remaining, options.attemptTimeout) : remaining
            switch await attempt(method, message, at: endpoint, timeout: allowed) {
            case .success(let bytes):
                do { return try Response(serializedBytes: bytes) } catch {
                    throw .malformedAnswer(method: method, endpoint: endpoint.name, problem: "\(error)")
                }
            case .failure(let failure):
                guard !isClosed else { throw .closed }
                guard !Task.isCancelled else { throw .cancelled }
                // The last attempt often just runs into the deadline: what went wrong before says more.
                if lastFailure == nil || !failure.isTimeout { lastFailure = "\(endpoint.name): \(failure.message)" }
                guard let pause = try retry.pause(after: failure, method: method, endpoint: endpoint.name, isRepeatable: isRepeatable)
                else { continue }
                leave(endpoint)
                let end = min(loop.now.advanced(by: pause), deadline)
                do { if pause > .zero { try await loop.sleep(until: end) } } catch { throw .cancelled }
            }
        }
    }

    /// One attempt, with a token if there are credentials.
    private func attempt(
        _ method: String, _ message: [UInt8], at endpoint: EtcdEndpoint, timeout: Duration
    ) async -> Result<[UInt8], AttemptFailure> {
        let deadline = loop.now.advanced(by: timeout)
        lastCall += 1
        let number = lastCall
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                withToken(at: endpoint, timeout: timeout) { failure in
                    if let failure { return continuation.resume(returning: .failure(failure)) }
                    let used = self.token
                    let remaining = deadline.since(self.loop.now)
                    var isOver = false
                    let stream = endpoint.unary(method, message, token: used, timeout: remaining) { result in
                        isOver = true
                        self.calls[number] = nil
                        if case .failure(let failure) = result, failure.isTokenRefused, self.token == used { self.token = nil }
                        continuation.resume(returning: result)
                    }
                    if !isOver { self.calls[number] = stream }
                }
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.calls[number]?.cancel() } }
        }
    }

    /// Calls `body` once a token is there (or none is needed), or with the reason why not. One request for all who wait.
    func withToken(at endpoint: EtcdEndpoint, timeout: Duration, _ body: @escaping (AttemptFailure?) -> Void) {
        guard let credentials = options.credentials, token == nil else { return body(nil) }
        waitingForToken.append(body)
        guard waitingForToken.count == 1 else { return }
        var request = WireAuthenticateRequest()
        request.name = credentials.user
        request.password = credentials.password
        let message: [UInt8] = (try? request.serializedBytes()) ?? []
        endpoint.unary(EtcdMethod.authenticate, message, token: nil, timeout: timeout) { result in
            let outcome = result.flatMap { bytes in
                Result { try WireAuthenticateResponse(serializedBytes: bytes).token }
                    .mapError { AttemptFailure(code: 13, message: "no token: \($0)", mayHaveTakenEffect: false) }
            }
            let failure: AttemptFailure?
            switch outcome {
            case .success(let token):
                self.token = token
                failure = nil
            case .failure(let refused) where refused.fault == .authenticationNotEnabled:
                // Nothing to show there, till it says otherwise.
                self.token = ""
                failure = nil
            case .failure(let refused):
                // The call itself was not sent.
                failure = AttemptFailure(code: refused.code, message: refused.message, mayHaveTakenEffect: false)
            }
            let waiting = self.waitingForToken
            self.waitingForToken = []
            for body in waiting { body(failure) }
        }
    }
}

/// Whether and when a failed call is tried again: the rules of one call.
struct RetryPolicy {
    /// New tokens for one call: a second refusal is no accident any more.
    private static let mostTokens = 2

    private let endpointCount: Int
    private var failures = 0
    private var refusedTokens = 0
    /// Between rounds through all endpoints.
    private var backoff = Backoff(first: .milliseconds(50), longest: .milliseconds(500))

    init(endpointCount: Int) { self.endpointCount = max(endpointCount, 1) }

    /// Nil: again at once at the same endpoint, with a new token. Else: at the next endpoint after the pause.
    ///
    /// - Throws: The error that ends the call.
    mutating func pause(
        after failure: AttemptFailure, method: String, endpoint: String, isRepeatable: Bool
    ) throws(EtcdError) -> Duration? {
        if failure.isTokenRefused, refusedTokens < Self.mostTokens {
            refusedTokens += 1
            return nil
        }
        if failure.isTransient, isRepeatable || !failure.mayHaveTakenEffect {
            failures += 1
            return failures % endpointCount == 0 ? backoff.next() : .zero
        }
        if failure.isTransient { throw .unknownOutcome(method: method, endpoint: endpoint, failure: failure.message) }
        if let fault = failure.fault { throw .refused(fault, method: method, endpoint: endpoint) }
        throw .status(code: failure.code, message: failure.message, method: method, endpoint: endpoint)
    }
}
