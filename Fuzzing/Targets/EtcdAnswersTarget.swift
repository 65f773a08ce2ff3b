import FluxonCore
import FluxonEtcd
import FluxonMaster
import FoundationEssentials
import SwiftProtobuf

/// The rules of etcd's client on whatever an etcd answers: watches, leases, elections, and the roster's entries. The first byte chooses.
enum EtcdAnswersTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        var script = ByteScript(input)
        switch script.below(5) {
        case 0: watch(&script)
        case 1: lease(&script)
        case 2: transaction(Array(input.dropFirst()))
        case 3: watchRaw(Array(input.dropFirst()))
        default: roster(String(decoding: input.dropFirst(), as: UTF8.self))
        }
    }

    /// What is delivered is new, and the watch goes on behind it.
    private static func watch(_ script: inout ByteScript) {
        var cursor = WatchCursor(keys: .prefix("a"), from: script.chance() ? 0 : Int64(script.below(200)), wantsPrevious: false)
        _ = cursor.request()
        for _ in 0..<100 where !script.isOver {
            let before = cursor.next
            let outcome = cursor.received(response(&script))
            check(outcome, before: before, cursor)
            if script.below(16) == 15 { _ = cursor.request() }
        }
    }

    private static func watchRaw(_ bytes: [UInt8]) {
        guard let response = try? WireWatchResponse(serializedBytes: bytes) else { return }
        var cursor = WatchCursor(keys: .prefix("a"), from: 0, wantsPrevious: true)
        _ = cursor.request()
        for _ in 0..<2 {
            let before = cursor.next
            check(cursor.received(response), before: before, cursor)
        }
    }

    private static func check(_ outcome: WatchCursor.Outcome, before: Int64, _ cursor: WatchCursor) {
        guard case .events(let events, let revision) = outcome else { return }
        for event in events where event.keyValue.modRevision < before { fatalError("\(event) was told before \(before)") }
        if cursor.next <= revision, revision < .max { fatalError("after \(revision) the watch goes on from \(cursor.next)") }
    }

    private static func response(_ script: inout ByteScript) -> WireWatchResponse {
        var response = WireWatchResponse()
        response.header.clusterID = script.byte() < 250 ? 1 : 2
        response.header.revision = Int64(bitPattern: script.number())
        response.watchID = Int64(script.below(2))
        let kind = script.below(16)
        response.created = kind == 0
        response.canceled = kind == 1
        response.fragment = kind == 2
        if kind == 3 { response.compactRevision = Int64(bitPattern: script.number()) }
        response.events = (0..<script.below(3)).map { _ in
            var event = WireEvent()
            event.kv.key = Data([0x61])
            event.kv.modRevision = Int64(bitPattern: script.number())
            return event
        }
        return response
    }

    /// A keep-alive is due in time, and nothing comes after the lease was lost.
    private static func lease(_ script: inout ByteScript) {
        var now = BootInstant(nanoseconds: 1_000_000_000)
        var keeper = LeaseKeeper(ttl: .seconds(Int64(bitPattern: script.number())), granted: now)
        var isLost = false
        for _ in 0..<100 where !script.isOver {
            now = now.advanced(by: .milliseconds(script.below(256) * 50))
            let effects: [LeaseKeeper.Effect]
            switch script.below(3) {
            case 0: effects = keeper.wake(now: now)
            case 1: effects = keeper.answered(ttl: Int64(bitPattern: script.number()), now: now)
            default:
                keeper.streamEnded(now: now)
                effects = []
            }
            if isLost, !effects.isEmpty { fatalError("\(effects) after the lease was lost") }
            isLost = isLost || effects.contains(.lost)
            if isLost != (keeper.nextWake == nil) { fatalError("a lease that lives has no next keep-alive") }
        }
    }

    private static func transaction(_ bytes: [UInt8]) {
        guard let wire = try? WireTxnResponse(serializedBytes: bytes) else { return }
        let result = EtcdTransactionResult(wire)
        let election = LeaderElection(key: "leader", history: "history")
        let ballot = election.ballot(after: result, line: AttributeLine([("address", "a")]), random: 7)
        precondition(ballot.history.latest == ballot.term && ballot.term > 0, "a candidate's term is the last of its history")
        _ = election.outcome(of: result, ballot: ballot, lease: 7)
        precondition(!result.succeeded || !election.isOver(ballot.value, after: result), "a guarded write that succeeded proves its term")
        for keyValue in result.keyValues(at: 0) ?? [] {
            roster(keyValue.valueText)
            history(keyValue.valueText)
        }
    }

    private static func history(_ text: String) {
        guard let history = TermHistory(parsing: text) else { return }
        if TermHistory(parsing: history.text) != history { fatalError("\(history) is not read back as what was written") }
    }

    private static func roster(_ text: String) {
        guard let entry = RosterEntry(parsing: text) else { return }
        if RosterEntry(parsing: entry.text) != entry { fatalError("\(entry) is not read back as what was written") }
    }
}
