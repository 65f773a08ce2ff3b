/// A refusal that an etcd server words itself: the message is part of etcd's protocol, since clients tell faults apart by it.
///
/// The client recognises these in a status, the embedded server answers with them.
package enum EtcdFault: String, Error, Sendable, CaseIterable {
    case emptyKey = "etcdserver: key is not provided"
    case keyNotFound = "etcdserver: key not found"
    case valueProvided = "etcdserver: value is provided"
    case leaseProvided = "etcdserver: lease is provided"
    case tooManyOperations = "etcdserver: too many operations in txn request"
    case duplicateKey = "etcdserver: duplicate key given in txn request"
    case compacted = "etcdserver: mvcc: required revision has been compacted"
    case futureRevision = "etcdserver: mvcc: required revision is a future revision"
    case noSpace = "etcdserver: mvcc: database space exceeded"
    case leaseNotFound = "etcdserver: requested lease not found"
    case leaseExists = "etcdserver: lease already exists"
    case leaseTTLTooLarge = "etcdserver: too large lease TTL"
    case requestTooLarge = "etcdserver: request is too large"
    case tooManyRequests = "etcdserver: too many requests"
    case authenticationFailed = "etcdserver: authentication failed, invalid user ID or password"
    case authenticationNotEnabled = "etcdserver: authentication is not enabled"
    case invalidToken = "etcdserver: invalid auth token"
    case oldAuthenticationRevision = "etcdserver: revision of auth store is old"
    case userEmpty = "etcdserver: user name is empty"
    case permissionDenied = "etcdserver: permission denied"
    case noLeader = "etcdserver: no leader"
    case leaderChanged = "etcdserver: leader changed"
    case stopped = "etcdserver: server stopped"
    case timedOut = "etcdserver: request timed out"

    /// It speaks of the server's state now, not of the request: another endpoint, or the same one later, may answer.
    package var isTransient: Bool {
        switch self {
        case .noLeader, .leaderChanged, .stopped, .timedOut, .tooManyRequests: true
        default: false
        }
    }

    /// The gRPC status code that goes with the message.
    package var statusCode: Int {
        switch self {
        case .emptyKey, .keyNotFound, .valueProvided, .leaseProvided, .tooManyOperations, .duplicateKey, .requestTooLarge,
            .authenticationFailed, .oldAuthenticationRevision, .userEmpty:
            3  // INVALID_ARGUMENT
        case .leaseNotFound: 5  // NOT_FOUND
        case .permissionDenied: 7
        case .noSpace, .tooManyRequests: 8  // RESOURCE_EXHAUSTED
        case .leaseExists, .authenticationNotEnabled: 9  // FAILED_PRECONDITION
        case .compacted, .futureRevision, .leaseTTLTooLarge: 11  // OUT_OF_RANGE
        case .noLeader, .leaderChanged, .stopped, .timedOut: 14  // UNAVAILABLE
        case .invalidToken: 16  // UNAUTHENTICATED
        }
    }
}
