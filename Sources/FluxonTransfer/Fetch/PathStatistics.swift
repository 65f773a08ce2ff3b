package import FluxonCore

/// What went over which path, since this owner's start: per peer for those that are in the roster, and altogether. Bounded: a peer that
/// leaves is forgotten (its part of the totals stays), and peers beyond the limit count in the totals alone.
package struct PathStatistics: Sendable {
    package struct Path: Sendable {
        /// The transport's name.
        package let transport: String
        package fileprivate(set) var reads: UInt64 = 0
        /// That arrived with the right checksums.
        package fileprivate(set) var bytes: UInt64 = 0
        package fileprivate(set) var errors: UInt64 = 0
        package fileprivate(set) var lastError: TransferError?
        package fileprivate(set) var bytesServed: UInt64 = 0
        /// Where the last read went; empty: none did.
        package fileprivate(set) var address = ""
    }

    package struct Peer: Sendable {
        /// In the order in which they were first used: as many as there are transports.
        package fileprivate(set) var paths: [Path] = []
        /// Over which the last read went; nil: none did.
        package fileprivate(set) var lastTransport: String?
        package fileprivate(set) var fallbacks: UInt64 = 0

        /// Both ways.
        package var bytes: UInt64 { paths.reduce(0) { $0 &+ $1.bytes &+ $1.bytesServed } }

        fileprivate mutating func update(_ transport: String, _ body: (inout Path) -> Void) {
            let index =
                paths.firstIndex { $0.transport == transport }
                ?? {
                    paths.append(Path(transport: transport))
                    return paths.count - 1
                }()
            body(&paths[index])
        }
    }

    private let peerLimit: Int
    package private(set) var peers: [InstanceKey: Peer] = [:]
    package private(set) var total = Peer()

    package init(peerLimit: Int = Limits.owners) { self.peerLimit = peerLimit }

    /// Every byte of a read arrived.
    package mutating func succeeded(_ transport: String, to peer: InstanceKey, at address: String, byteCount: UInt64) {
        update(transport, peer) {
            $0.reads &+= 1
            $0.bytes &+= byteCount
            // Copying a string that is there already would cost more than the comparison.
            if $0.address != address { $0.address = address }
        }
        guard let index = peers.index(forKey: peer), peers.values[index].lastTransport != transport else { return }
        peers.values[index].lastTransport = transport
    }

    /// A read broke after `byteCount` good bytes.
    ///
    /// - Parameter blamesThePath: False: the read ended for what has nothing to do with the path, which makes no error of it.
    package mutating func failed(
        _ transport: String, to peer: InstanceKey, at address: String, _ error: TransferError, byteCount: UInt64, blamesThePath: Bool
    ) {
        update(transport, peer) {
            $0.bytes &+= byteCount
            guard blamesThePath else { return }
            $0.errors &+= 1
            $0.lastError = error
            if $0.address != address { $0.address = address }
        }
    }

    /// A read goes on over another path than it was on.
    package mutating func fellBack(to peer: InstanceKey) {
        total.fallbacks &+= 1
        if has(peer) { peers[peer, default: Peer()].fallbacks &+= 1 }
    }

    /// A peer has read this much of this owner's.
    package mutating func served(_ transport: String, to peer: InstanceKey, byteCount: UInt64) {
        update(transport, peer) { $0.bytesServed &+= byteCount }
    }

    /// The peer left the roster, or restarted.
    package mutating func forget(_ peer: InstanceKey) { peers[peer] = nil }

    private mutating func update(_ transport: String, _ peer: InstanceKey, _ body: (inout Path) -> Void) {
        total.update(transport, body)
        if let index = peers.index(forKey: peer) {
            peers.values[index].update(transport, body)
        } else if has(peer) {
            peers[peer, default: Peer()].update(transport, body)
        }
    }

    private func has(_ peer: InstanceKey) -> Bool { peers.count < peerLimit || peers[peer] != nil }
}
