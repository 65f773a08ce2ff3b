package import FluxonTLS

/// A transfer that did not bring all of its bytes.
package struct TransferError: Error, Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        /// The source has no such ticket (any more): look the key up again (CONSISTENCY M4).
        case gone
        /// The source is itself still fetching: ask again later, or elsewhere.
        case notYet
        /// The ticket is for another asker, version or range, or was used before.
        case refused
        /// The source belongs to another cluster.
        case clusterMismatch
        /// The source does not speak this protocol version.
        case versionMismatch(ours: UInt16)
        /// A chunk's bytes differ from the checksum that came with them.
        case corrupted(chunk: Int, expected: UInt32, computed: UInt32)
        /// The source's bytes are not in memory that its RDMA device knows.
        case notRegistered
        /// The source sent what the protocol does not allow.
        case protocolViolation(String)
        /// No connection could be made.
        case connectFailed(String)
        /// The connection ended.
        case connectionLost(String)
        /// TLS was not agreed on: a certificate is missing or does not fit, or only one side has tls.
        case securityFailed(TLSError)
        /// The device that carried the read was switched off, or its transport has none left.
        case disabled
        /// No byte came for this many milliseconds.
        case stalled(milliseconds: Int)
        case deadlineExceeded
        case cancelled
        /// This transport was closed.
        case closed
        /// Too many transfers wait for this peer.
        case tooManyWaiting(limit: Int)
        /// The destination is smaller than the range that was asked for.
        case destinationTooSmall(bytes: Int, needed: UInt64)
    }

    package let reason: Reason
    /// Bytes from the start of the range whose checksum was right: they need not come again.
    package let verified: Int
    /// Which way, to whom: `tcp 10.0.0.2:7001`.
    package let path: String

    package init(_ reason: Reason, verified: Int = 0, path: String) {
        self.reason = reason
        self.verified = verified
        self.path = path
    }

    /// Whether another path, or this one with a new connection, may do better.
    package var blamesThePath: Bool {
        switch reason {
        case .corrupted, .notRegistered, .protocolViolation, .connectFailed, .connectionLost, .stalled, .tooManyWaiting: true
        case .gone, .notYet, .refused, .clusterMismatch, .versionMismatch, .securityFailed, .disabled, .deadlineExceeded, .cancelled,
            .closed, .destinationTooSmall:
            false
        }
    }

    /// Whether the read goes on over another path, also where this one is not to blame.
    package var allowsAnotherPath: Bool { blamesThePath || reason == .disabled }
}

extension TransferError: CustomStringConvertible {
    package var description: String { "read over \(path): \(explanation); \(verified) bytes had arrived intact" }

    private var explanation: String {
        switch reason {
        case .gone: "the source no longer has the bytes under this ticket; look the key up again"
        case .notYet: "the source is still fetching the bytes itself"
        case .refused: "the source refused the ticket: another asker, version or range, or used before"
        case .clusterMismatch: "the source belongs to another cluster; compare cluster_name of both owners"
        case .versionMismatch(let ours): "the source does not speak transfer protocol \(ours); upgrade the older owner"
        case .corrupted(let chunk, let expected, let computed):
            "chunk \(chunk) is damaged: its checksum is \(String(computed, radix: 16)), sent was \(String(expected, radix: 16))"
        case .notRegistered: "the source's bytes are not in memory that its RDMA device knows; its log says why"
        case .protocolViolation(let what): "the source broke the protocol: \(what)"
        case .connectFailed(let cause): "no connection: \(cause)"
        case .connectionLost(let cause): "the connection ended: \(cause)"
        case .securityFailed(let error): error.message
        case .disabled: "the device was switched off (`fluxon network list` shows the settings)"
        case .stalled(let milliseconds): "no byte came for \(milliseconds) ms"
        case .deadlineExceeded: "the deadline passed"
        case .cancelled: "cancelled"
        case .closed: "this side is closed"
        case .tooManyWaiting(let limit): "\(limit) transfers wait for this peer already"
        case .destinationTooSmall(let bytes, let needed): "the destination has \(bytes) bytes, \(needed) are needed"
        }
    }
}
