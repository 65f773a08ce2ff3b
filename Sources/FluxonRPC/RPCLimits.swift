private import FluxonCore

/// What one connection takes and holds. The defaults are those of `Limits`.
package struct RPCLimits: Sendable, Hashable {
    /// Longest message in bytes, either way.
    package var messageBytes = Limits.rpcMessageBytes
    /// Longest message in bytes that is taken; nil: as long as one that is sent.
    package var receivedMessageBytes: Int?
    /// Largest list of header fields in bytes.
    package var headerListBytes = Limits.rpcHeaderListBytes
    /// Calls at work at one time on one connection.
    package var concurrentStreams = Limits.rpcConcurrentStreams
    /// Bytes that one call may have queued and unsent.
    package var queuedBytes = Limits.rpcQueuedBytes
    /// Bytes that readers may leave unread before the connection's window closes.
    package var heldBytes = Limits.rpcHeldBytes
    /// Flow-control window of one call in bytes.
    package var streamWindowBytes = Limits.rpcStreamWindowBytes
    /// Flow-control window of a connection in bytes.
    package var connectionWindowBytes = Limits.rpcConnectionWindowBytes
    /// Largest frame that we take, in bytes; from 16 KiB to 16 MiB - 1.
    package var frameBytes = Limits.rpcFrameBytes
    /// What the connection's peer may cost; see `ConnectionBudget`.
    package var turnCalls = Limits.rpcTurnCalls
    package var turnFrames = Limits.rpcTurnFrames
    package var turnHeaderBytes = Limits.rpcTurnHeaderBytes
    package var headerWalkBytes = Limits.rpcHeaderWalkBytes
    package var oddities = Limits.rpcOddities
    package var odditiesPerSecond = Limits.rpcOdditiesPerSecond
    package var resets = Limits.rpcResets
    package var resetsPerSecond = Limits.rpcResetsPerSecond
    package var queuedFrames = Limits.rpcQueuedFrames
    /// Bytes that all calls together may have queued and unsent.
    package var connectionQueuedBytes = Limits.rpcConnectionQueuedBytes
    /// Bytes of messages that are not whole yet, or wait for a half-close.
    package var unfinishedBytes = Limits.rpcUnfinishedBytes
    /// Connections of a server.
    package var connections = Limits.rpcConnections
    /// Time for TLS and the first SETTINGS of a peer on another machine.
    package var setupTime = Duration.seconds(10)
    /// Unsent bytes of a call from which on `isWritable` is false; `onWritable` comes at half of it.
    package var writableBytes = 1 << 20

    package init() {}

    /// The limits with some changed.
    package static func with(_ change: (inout RPCLimits) -> Void) -> RPCLimits {
        var limits = RPCLimits()
        change(&limits)
        return limits
    }
}
