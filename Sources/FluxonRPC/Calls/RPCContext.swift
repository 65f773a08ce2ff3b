package import FluxonCore

/// What an asynchronous handler learns about its call.
package struct RPCContext: Sendable {
    package let path: String
    package let metadata: RPCMetadata
    package let peer: String
    /// When the caller gives up; nil: it did not say.
    package let deadline: BootInstant?
    private let connection: UncheckedReference

    init(_ stream: RPCStream) {
        path = stream.path
        metadata = stream.metadata
        peer = stream.peer
        deadline = stream.deadline
        connection = UncheckedReference(object: stream.connectionContext)
    }

    /// What the server was told when it adopted the connection. Use it on the server's loop only.
    package var connectionContext: AnyObject? { connection.object }

    private struct UncheckedReference: @unchecked Sendable {
        // SAFETY: handed through to the handler, which runs on the loop that the object belongs to.
        let object: AnyObject?
    }
}
