package import FluxonCore

/// Which other owners this one cannot connect to, and when to try again. Rules only.
///
///     reachable ──an attempt failed──▶ unreachable ──due──▶ attempting ──connected──▶ reachable
///         ▲                                ▲ └── the peer restarted or moved ────────────▲
///         └────────────────────────────────┴──────── the attempt failed ◀── attempting
///
/// An attempt is due `Limits.directAttemptInterval` after the last one while values come from the peer through a relay, and
/// `Limits.idleAttemptInterval` after it otherwise, so that no word of a failure lasts longer than what caused it by more than that.
package struct PeerReachability {
    private struct Peer {
        /// What was tried: with another life or address the failure says nothing.
        let member: MemberDescription
        var lastAttempt: BootInstant
        var isAttempting = false
        var isRelayed = false

        var nextAttempt: BootInstant? {
            isAttempting ? nil : lastAttempt.advanced(by: isRelayed ? Limits.directAttemptInterval : Limits.idleAttemptInterval)
        }
    }

    private var peers: [OwnerID: Peer] = [:]

    package init() {}

    /// Ascending.
    package var unreachable: [OwnerID] { peers.keys.sorted() }

    /// When the next attempt is due; nil: everybody is reachable, or being tried.
    package var nextAttempt: BootInstant? { peers.values.compactMap(\.nextAttempt).min() }

    /// An attempt to connect to `owner`, or to hear from it, failed.
    ///
    /// - Returns: True when that is news.
    package mutating func failed(_ owner: OwnerID, _ member: MemberDescription, now: BootInstant) -> Bool {
        let isNews = peers[owner] == nil
        let isRelayed = peers[owner]?.isRelayed ?? false
        peers[owner] = Peer(member: member, lastAttempt: now, isRelayed: isRelayed)
        return isNews
    }

    /// It was connected to, by RPC and for bulk data.
    ///
    /// - Returns: True when that is news.
    package mutating func reached(_ owner: OwnerID) -> Bool { peers.removeValue(forKey: owner) != nil }

    /// Bytes of `owner` came through a relay.
    package mutating func relayed(from owner: OwnerID) { peers[owner]?.isRelayed = true }

    /// The directory has changed: what was learned of a life that is over, or of another address, is forgotten. A list without the peer, as
    /// a new master begins with, says nothing.
    ///
    /// - Returns: True when that changes who is unreachable.
    package mutating func learn(_ owners: [OwnerID: MemberDescription]) -> Bool {
        let before = peers.count
        peers = peers.filter { id, peer in
            guard let now = owners[id] else { return true }
            return now.incarnation == peer.member.incarnation && now.address == peer.member.address
                && now.bulkAddress == peer.member.bulkAddress
        }
        return peers.count != before
    }

    /// There was no address to try.
    package mutating func notAttempted(_ owner: OwnerID, now: BootInstant) {
        peers[owner]?.isAttempting = false
        peers[owner]?.lastAttempt = now
    }

    /// Those to be tried now. Each ends with `failed`, `reached` or `notAttempted`.
    package mutating func takeAttempts(now: BootInstant) -> [OwnerID] {
        let due = peers.filter { $0.value.nextAttempt.map { $0 <= now } ?? false }.keys.sorted()
        for owner in due {
            peers[owner]?.isAttempting = true
            peers[owner]?.isRelayed = false
        }
        return due
    }
}
