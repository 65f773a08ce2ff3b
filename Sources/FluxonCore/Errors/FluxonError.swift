/// The one error type that users of Fluxon see.
public struct FluxonError: Error, Sendable {
    /// What went wrong, for `switch` and retry decisions. The raw value travels on the wire and never changes.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }

        /// An argument is outside its limits. The message names the limit.
        public static let invalidArgument = Code(rawValue: 1)
        /// The pool has no free run of the asked size. Retry after a remove or an expiry, or enlarge the pool.
        public static let poolExhausted = Code(rawValue: 2)
        /// The value is larger than the pool can ever hold.
        public static let valueTooLarge = Code(rawValue: 3)
        /// The owner lost its validity (cut off, or the master is away) and did not get it back before the deadline.
        public static let notCurrent = Code(rawValue: 4)
        /// The key may exist, but nobody who may hold it can be reached now.
        public static let unavailable = Code(rawValue: 5)
        /// The deadline passed before the call was sent to anybody, or a read did not finish in time.
        public static let deadlineExceeded = Code(rawValue: 6)
        /// A commit was sent and no answer came: it may or may not have taken effect. Nothing retries it by itself.
        public static let unknownOutcome = Code(rawValue: 7)
        /// The condition of a conditional operation did not hold.
        public static let conditionFailed = Code(rawValue: 8)
        /// The caller cancelled.
        public static let cancelled = Code(rawValue: 9)
        /// The other side could not be reached, or the connection ended.
        public static let connectionFailed = Code(rawValue: 10)
        /// The two sides belong to different clusters.
        public static let clusterMismatch = Code(rawValue: 11)
        /// The two sides speak protocol versions too far apart.
        public static let versionMismatch = Code(rawValue: 12)
        /// The other side does not let this caller do this.
        public static let permissionDenied = Code(rawValue: 13)
        /// A configuration file is wrong; the message lists every problem.
        public static let invalidConfiguration = Code(rawValue: 14)
        /// The other side sent what the protocol does not allow.
        public static let protocolViolation = Code(rawValue: 15)
        /// The operating system refused something; the message names the call, the object and the fix.
        public static let system = Code(rawValue: 16)
        /// Two live processes claim one name, or a resource is in use by another.
        public static let alreadyInUse = Code(rawValue: 17)
        /// The handle was closed, or belongs to a parent process.
        public static let closed = Code(rawValue: 18)
        /// A defect in Fluxon. Please report it with the message.
        public static let internalError = Code(rawValue: 19)
    }

    public let code: Code
    /// What was tried, on what, the numbers, and what to do. Never a value's bytes.
    public let message: String
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

extension FluxonError.Code {
    /// Whether trying again helps only after a person has changed something: such a refusal is logged as an error.
    package var needsAPerson: Bool {
        [.clusterMismatch, .versionMismatch, .permissionDenied, .invalidConfiguration, .protocolViolation, .alreadyInUse].contains(self)
    }
}

extension FluxonError.Code: CustomStringConvertible {
    private static let names: [FluxonError.Code: String] = [
        .invalidArgument: "invalid_argument", .poolExhausted: "pool_exhausted", .valueTooLarge: "value_too_large",
        .notCurrent: "not_current", .unavailable: "unavailable", .deadlineExceeded: "deadline_exceeded",
        .unknownOutcome: "unknown_outcome", .conditionFailed: "condition_failed", .cancelled: "cancelled",
        .connectionFailed: "connection_failed", .clusterMismatch: "cluster_mismatch", .versionMismatch: "version_mismatch",
        .permissionDenied: "permission_denied", .invalidConfiguration: "invalid_configuration",
        .protocolViolation: "protocol_violation", .system: "system", .alreadyInUse: "already_in_use", .closed: "closed",
        .internalError: "internal_error",
    ]

    /// The name that scripts see, `not_current` for instance; it never changes. A code of a newer version is `code_` and its number.
    public var description: String { Self.names[self] ?? "code_\(rawValue)" }
}

extension FluxonError: CustomStringConvertible {
    public var description: String {
        guard let cause else { return message }
        return "\(message); caused by: \(cause)"
    }
}
