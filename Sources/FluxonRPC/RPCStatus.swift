/// How a call ended, with the words and metadata that came with it.
package struct RPCStatus: Sendable, CustomStringConvertible {
    package var code: RPCCode
    package var message: String
    /// The custom metadata of the trailers.
    package var trailers: RPCMetadata
    /// What led to it on this side: an error of the system, of TLS, of the session.
    package var cause: (any Error)?
    /// The server surely did not look at the call, so repeating it is safe whatever it does.
    package var isUnprocessed: Bool

    package init(
        _ code: RPCCode, _ message: String = "", trailers: RPCMetadata = RPCMetadata(), cause: (any Error)? = nil,
        isUnprocessed: Bool = false
    ) {
        self.code = code
        self.message = message
        self.trailers = trailers
        self.cause = cause
        self.isUnprocessed = isUnprocessed
    }

    package static let ok = RPCStatus(.ok)

    package var isOK: Bool { code == .ok }

    package var description: String {
        let words = message.isEmpty ? "\(code)" : "\(code): \(message)"
        return cause.map { "\(words); caused by: \($0)" } ?? words
    }
}

/// A call that did not end in `ok`: what was tried, on whom, and how it ended.
package struct RPCError: Error, Sendable, CustomStringConvertible {
    package let code: RPCCode
    /// What was tried, on whom, how long, and what to do.
    package let message: String
    package let trailers: RPCMetadata
    package let cause: (any Error)?
    /// The server surely did not look at the call.
    package let isUnprocessed: Bool

    package init(
        _ code: RPCCode, _ message: String, trailers: RPCMetadata = RPCMetadata(), cause: (any Error)? = nil, isUnprocessed: Bool = false
    ) {
        self.code = code
        self.message = message
        self.trailers = trailers
        self.cause = cause
        self.isUnprocessed = isUnprocessed
    }

    /// `operation` says what was tried on whom, for example "call /fluxon.v1.Link/Session on 10.0.0.1:7000".
    package init(_ status: RPCStatus, operation: String) {
        let words = status.message.isEmpty ? "\(status.code)" : status.message
        self.init(
            status.code, "\(operation): \(words)", trailers: status.trailers, cause: status.cause, isUnprocessed: status.isUnprocessed)
    }

    package var status: RPCStatus { RPCStatus(code, message, trailers: trailers, cause: cause, isUnprocessed: isUnprocessed) }

    package var description: String {
        guard let cause else { return "\(code): \(message)" }
        return "\(code): \(message); caused by: \(cause)"
    }
}
