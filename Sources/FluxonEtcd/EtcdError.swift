/// Why a call of etcd gave no answer. Every case says whether it may have taken effect.
package enum EtcdError: Error, Sendable {
    /// etcd refused it, in words that etcd's protocol fixes. It had no effect.
    case refused(EtcdFault, method: String, endpoint: String)
    /// etcd refused it with another status. It had no effect.
    case status(code: Int, message: String, method: String, endpoint: String)
    /// No endpoint took it before the deadline. It had no effect.
    case unreachable(method: String, endpoints: [String], timeout: Duration, lastFailure: String)
    /// It was sent, and no answer came: it may or may not have taken effect. Only writes end so; reads are asked again elsewhere.
    case unknownOutcome(method: String, endpoint: String, failure: String)
    /// The answer is not what the protocol says.
    case malformedAnswer(method: String, endpoint: String, problem: String)
    /// The options name no usable endpoint, or a file of theirs cannot be read.
    case badOptions(String)
    /// The client was closed.
    case closed
    /// The caller's task was cancelled. What was sent may have taken effect.
    case cancelled

    /// What etcd itself said, if it was one of the faults that its protocol words.
    package var fault: EtcdFault? {
        if case .refused(let fault, _, _) = self { fault } else { nil }
    }

    /// Whether waiting is unlikely to help: etcd refused the request or its right in its own words, or this side is misconfigured.
    package var isFinal: Bool {
        switch self {
        case .refused(let fault, _, _): !fault.isTransient && fault != .noSpace
        case .badOptions: true
        case .status, .unreachable, .unknownOutcome, .malformedAnswer, .closed, .cancelled: false
        }
    }

    /// Whether a write that ended so may have taken effect.
    package var mayHaveTakenEffect: Bool {
        switch self {
        case .unknownOutcome, .cancelled, .malformedAnswer: true
        case .refused, .status, .unreachable, .badOptions, .closed: false
        }
    }
}

extension EtcdError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .refused(let fault, let method, let endpoint):
            "etcd at \(endpoint) refused \(method): \(fault.rawValue)" + (fault.remedy.map { "; \($0)" } ?? "")
        case .status(let code, let message, let method, let endpoint):
            "etcd at \(endpoint) refused \(method) with status \(code): \(message)"
        case .unreachable(let method, let endpoints, let timeout, let lastFailure):
            "no etcd answered \(method) within \(timeout) (tried \(endpoints.joined(separator: ", "))): \(lastFailure); "
                + "check etcd_endpoints and that etcd runs"
        case .unknownOutcome(let method, let endpoint, let failure):
            "etcd at \(endpoint) was sent \(method) and did not answer: \(failure); it may or may not have taken effect"
        case .malformedAnswer(let method, let endpoint, let problem):
            "etcd at \(endpoint) answered \(method) with what is no answer: \(problem); is it an etcd v3?"
        case .badOptions(let problem): problem
        case .closed: "the etcd client is closed"
        case .cancelled: "the call of etcd was cancelled; what was sent may have taken effect"
        }
    }
}

extension EtcdFault {
    /// What a person does about it, where that can be said.
    fileprivate var remedy: String? {
        switch self {
        case .noSpace:
            "etcd is out of space: compact and defragment it, raise its --quota-backend-bytes, then `etcdctl alarm disarm`"
        case .authenticationFailed: "correct etcd.username and the password file, or the user in etcd"
        case .userEmpty: "etcd asks for a user: set etcd.username and etcd.password_file"
        case .permissionDenied: "grant the user's role the range that begins with /fluxon/{cluster_name}/, to read and to write"
        case .invalidToken, .oldAuthenticationRevision: "the token is no longer good and a new one was refused too; see etcd's log"
        default: nil
        }
    }
}
