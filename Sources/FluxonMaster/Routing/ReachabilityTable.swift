import FluxonCore

/// Which owners cannot connect to which others, as they say themselves, and which third owner carries values between two of them. Rules
/// only. It decides a way, never who holds what: with a wrong entry a get is slow, and not wrong.
///
///     (asker, holder):  direct ──asker reports the holder──▶ relayed, or without a way ⇄ (another relay, as owners come, go and report)
///                         ▲──asker reports others alone, or its session ends──┘
///
/// Memory: what owners report, and one relay for each pair that asked.
struct ReachabilityTable: Sendable {
    /// What an owner says of itself in its hello.
    struct Member: Sendable {
        let readsThroughRelays: Bool
        let isRelay: Bool
        let subCluster: String
    }

    private struct Pair: Hashable {
        let asker: OwnerID
        let holder: OwnerID
    }

    private var members: [OwnerID: Member] = [:]
    /// By the owner that reported it.
    private var unreachable: [OwnerID: Set<OwnerID>] = [:]
    private var relays: [Pair: OwnerID] = [:]
    /// How many pairs each relay has.
    private var load: [OwnerID: Int] = [:]

    /// Pairs of owners of which the first cannot connect to the second.
    var unreachablePairs: Int { unreachable.values.reduce(0) { $0 + $1.count } }
    /// Pairs that have a relay.
    var relayedPairs: Int { relays.count }

    mutating func joined(_ owner: OwnerID, _ hello: LinkHello) {
        members[owner] = Member(
            readsThroughRelays: hello.readsThroughRelays, isRelay: hello.isRelay, subCluster: hello.subCluster)
    }

    /// Its session ended: what it said of the network is over, and it carries nothing any more.
    mutating func left(_ owner: OwnerID) {
        guard members.removeValue(forKey: owner) != nil else { return }
        unreachable[owner] = nil
        release { $0.asker == owner || $0.holder == owner || $1 == owner }
    }

    /// Its number is another owner's from now on, of which nobody has said anything.
    mutating func forget(_ owner: OwnerID) {
        left(owner)
        for reporter in Array(unreachable.keys) where unreachable[reporter]?.remove(owner) != nil {
            if unreachable[reporter]?.isEmpty == true { unreachable[reporter] = nil }
        }
    }

    /// Everything that `owner` cannot connect to now.
    mutating func reported(_ owner: OwnerID, cannotReach others: Set<OwnerID>) {
        guard members[owner]?.readsThroughRelays == true else { return }
        unreachable[owner] = others.isEmpty ? nil : others
        release { pair, _ in pair.asker == owner && !others.contains(pair.holder) }
    }

    /// False when `owner` said that it cannot.
    func reaches(_ owner: OwnerID, _ other: OwnerID) -> Bool { unreachable[owner]?.contains(other) != true }

    func reachesAll(_ owner: OwnerID) -> Bool { unreachable[owner] == nil }

    /// Through whom `asker` is to read from `holder`; nil: nobody reaches both. A pair keeps its relay as long as that can do it, for there
    /// are connections; else it is one of the asker's or the holder's own group before others, then the one with the fewest pairs, then the
    /// lowest number, so that equal inputs choose equally. O(owners) for a pair without a relay.
    mutating func relay(from holder: OwnerID, to asker: OwnerID, isActive: (OwnerID) -> Bool) -> OwnerID? {
        let pair = Pair(asker: asker, holder: holder)
        if let relay = relays[pair], canCarry(relay, pair, isActive) { return relay }
        release { other, _ in other == pair }
        let groups = Set([asker, holder].compactMap { members[$0]?.subCluster }).subtracting([""])
        func rank(_ owner: OwnerID) -> (Int, Int, UInt32) {
            let isNear = members[owner].map { groups.contains($0.subCluster) } ?? false
            return (isNear ? 0 : 1, load[owner] ?? 0, owner.number)
        }
        guard let relay = members.keys.filter({ canCarry($0, pair, isActive) }).min(by: { rank($0) < rank($1) }) else { return nil }
        relays[pair] = relay
        load[relay, default: 0] += 1
        return relay
    }

    private func canCarry(_ owner: OwnerID, _ pair: Pair, _ isActive: (OwnerID) -> Bool) -> Bool {
        members[owner]?.isRelay == true && owner != pair.asker && owner != pair.holder && reaches(pair.asker, owner)
            && reaches(owner, pair.holder) && isActive(owner)
    }

    private mutating func release(where isOver: (Pair, OwnerID) -> Bool) {
        guard !relays.isEmpty else { return }
        for (pair, relay) in relays where isOver(pair, relay) {
            relays[pair] = nil
            load[relay] = load[relay].flatMap { $0 > 1 ? $0 - 1 : nil }
        }
    }
}
