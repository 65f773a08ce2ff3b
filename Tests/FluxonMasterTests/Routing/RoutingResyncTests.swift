import FluxonCore
import FluxonMaster
import Testing

/// R3 and decision 0017: an owner comes back to a master that went on without it, or that lost its session.
@Suite struct RoutingResyncTests {
    private var cluster = ScriptedCluster(roster: [])
    private let key: Key

    init() throws {
        key = try Key("key")
        cluster.join(1)
        cluster.join(2)
    }

    private func version(_ sequence: UInt64) -> Version { ScriptedCluster.version(sequence) }
    private func cause(_ owner: UInt32, _ operation: UInt64) -> OperationReference { ScriptedCluster.cause(owner, operation) }

    /// Owner 1 has the key in version 1 and falls silent; the master goes on without it, and owner 2 has version 2.
    private mutating func overwriteWithoutOwner1() {
        _ = cluster.send(1, [.commit(.put(1, key)), .taken(operation: 1)])
        cluster.disconnect(1)
        _ = cluster.send(2, [.commit(.put(1, key))])
        _ = cluster.pass(.seconds(5))
        #expect(cluster.written(1) == .bypassed(term: 3))
        #expect(cluster.answerWrites()[2] == [.done(operation: 1, .committed(version(2)), publishes: true)])
    }

    /// Owner 1 sent a put, was answered, never acknowledged: the master goes on without it.
    private mutating func loseOwner1BehindItsPut() {
        #expect(cluster.send(1, [.commit(.put(1, key))])[1] == [.done(operation: 1, .committed(version(1)), publishes: true)])
        cluster.disconnect(1)
        _ = cluster.pass(.seconds(5))
        #expect(cluster.written(1) == .bypassed(term: 3))
        _ = cluster.answerWrites()
    }

    @Test("R3 (a): an owner that was bypassed is in again when it has acknowledged what its report ended, not before; then the grant")
    mutating func inAfterAcknowledgement() {
        overwriteWithoutOwner1()
        _ = cluster.send(2, [.taken(operation: 1)])
        cluster.connect(1)
        let before = cluster.grants[1]
        #expect(
            cluster.report(1, [.live(key, version(1))])[1] == [.invalidate(Invalidation(number: 1, key: key, upTo: version(1), cause: nil))]
        )
        #expect(cluster.written(1) == nil)
        _ = cluster.send(1, acknowledges: false)
        #expect(cluster.written(1) == nil)
        _ = cluster.send(1, [.confirm(upTo: 1)])
        #expect(cluster.written(1) == .in)
        #expect(cluster.grants[1] == before)
        _ = cluster.answerWrites()
        // The heartbeat of the report's end was kept for this.
        #expect(cluster.grants[1] != before)
    }

    @Test("an owner to which the resync says nothing is in again at the end of its report")
    mutating func inAtOnce() {
        overwriteWithoutOwner1()
        cluster.connect(1)
        #expect(cluster.report(1).isEmpty)
        #expect(cluster.written(1) == .in)
    }

    @Test("an owner whose next session ends before it has acknowledged stays out")
    mutating func outAgain() {
        overwriteWithoutOwner1()
        cluster.connect(1)
        _ = cluster.report(1, [.live(key, version(1))])
        cluster.connect(1)
        _ = cluster.send(1)
        #expect(cluster.written(1) == nil)
        _ = cluster.report(1, [.live(key, version(1))])
        #expect(cluster.written(1) == nil)
    }

    @Test("R3 (b): a replayed outcome that others have seen says so, and the owner is in only when it is processed")
    mutating func replayedExposed() {
        loseOwner1BehindItsPut()
        cluster.connect(1)
        let replayed = MasterMessage.done(operation: 1, .committed(version(1)), publishes: true, isExposed: true)
        #expect(cluster.report(1, pending: [.put(1, key)])[1] == [replayed])
        #expect(cluster.table.placement(of: key)?.holders == [OwnerID(1)])
        #expect(cluster.written(1) == nil)
        _ = cluster.send(1, [.taken(operation: 1)])
        #expect(cluster.written(1) == .in)
    }

    @Test("a replayed outcome that nobody has seen does not say so: the owner keeps it until it is valid, and the key stays closed")
    mutating func replayedUnexposed() {
        _ = cluster.send(1, [.commit(.put(1, key))])
        cluster.connect(1)
        #expect(cluster.report(1, pending: [.put(1, key)])[1] == [.done(operation: 1, .committed(version(1)), publishes: true)])
        #expect(cluster.send(2, [.lookup(LinkLookup(lookup: 7, key: key, wants: .metadata))])[2] == nil)
        let metadata = LookupAnswer.Content.metadata(version(1), byteCount: 10)
        #expect(cluster.send(1, [.taken(operation: 1)])[2] == [.found(LookupAnswer(lookup: 7, content: metadata))])
    }

    @Test("R3: a replayed outcome that was overwritten meanwhile only answers the caller")
    mutating func replayedSuperseded() {
        loseOwner1BehindItsPut()
        _ = cluster.send(2, [.commit(.put(1, key))])
        cluster.connect(1)
        let answer = MasterMessage.done(operation: 1, .committed(version(1)), publishes: false, isExposed: true)
        #expect(cluster.report(1, pending: [.put(1, key)])[1] == [answer])
        #expect(cluster.table.placement(of: key)?.holders == [OwnerID(2)])
    }

    @Test("R3: a replayed version that is being overwritten is invalidated behind the replay, and the operation waits for that")
    mutating func replayedUnderPrepared() {
        loseOwner1BehindItsPut()
        cluster.connect(1)
        #expect(cluster.send(2, [.commit(.put(1, key))])[2] == nil)
        let sent = cluster.report(1, pending: [.put(1, key)])[1] ?? []
        #expect(
            sent == [
                .done(operation: 1, .committed(version(1)), publishes: true, isExposed: true),
                .invalidate(Invalidation(number: 2, key: key, upTo: version(1), cause: cause(2, 1))),
            ])
        #expect(cluster.send(1, [.confirm(upTo: 1)])[2] == nil)
        #expect(cluster.send(1, [.confirm(upTo: 2)])[2] == [.done(operation: 1, .committed(version(2)), publishes: true)])
    }

    @Test("R3 (c): the owner of a completed operation that nobody has seen keeps the copy that it replaced")
    mutating func ownReplacedCopy() {
        _ = cluster.send(1, [.commit(.put(1, key)), .taken(operation: 1), .commit(.put(2, key))])
        cluster.connect(1)
        let sent = cluster.report(1, [.parked(key, version(1), by: cause(1, 2))], pending: [.put(2, key)])[1]
        #expect(sent == [.done(operation: 2, .committed(version(2)), publishes: true)])
    }

    @Test("R3 (c): … and where another operation had parked it, it hangs on its owner's own from here on")
    mutating func ownReplacedCopyOfAnotherCause() {
        _ = cluster.send(1, [.commit(.put(1, key)), .taken(operation: 1), .commit(.put(2, key))])
        cluster.connect(1)
        let sent = cluster.report(1, [.parked(key, version(1), by: cause(2, 9))], pending: [.put(2, key)])[1]
        #expect(sent == [.restore(key, version(1)), .done(operation: 2, .committed(version(2)), publishes: true)])
    }

    @Test(
        "R3 (c): another holder parks the replaced copy for that operation, put or removal, until it is taken", arguments: [false, true])
    mutating func replacedCopyElsewhere(isRemoval: Bool) {
        _ = cluster.send(1, [.commit(.put(1, key)), .taken(operation: 1)])
        cluster.disconnect(1)
        _ = cluster.send(2, [.commit(isRemoval ? .remove(1, key) : .put(1, key))])
        _ = cluster.pass(.seconds(5))
        _ = cluster.answerWrites()
        cluster.connect(1)
        let parked = Invalidation(number: 1, key: key, upTo: version(1), cause: cause(2, 1))
        #expect(cluster.report(1, [.live(key, version(1))])[1] == [.invalidate(parked)])
        #expect(cluster.send(2, [.taken(operation: 1)])[1] == [.settled(1...1)])
    }

    @Test("R3 (c): once the operation is taken, what it replaced is dropped")
    mutating func replacedAndExposed() {
        overwriteWithoutOwner1()
        _ = cluster.send(2, [.taken(operation: 1)])
        cluster.connect(1)
        let entry = ReportEntry.parked(key, version(1), by: cause(2, 1))
        #expect(cluster.report(1, [entry])[1] == [.invalidate(Invalidation(number: 1, key: key, upTo: version(1), cause: nil))])
    }

    @Test("R3: a kept copy of a key that is being overwritten is invalidated in the new session first")
    mutating func keptUnderPrepared() {
        _ = cluster.send(1, [.commit(.put(1, key)), .taken(operation: 1)])
        _ = cluster.send(2, [.commit(.put(1, key))])
        // The invalidation of the old session is repeated with the new one; its confirmation alone completes the operation.
        #expect(cluster.connect(1)[1] == [.invalidate(Invalidation(number: 1, key: key, upTo: version(1), cause: cause(2, 1)))])
        #expect(cluster.report(1, [.parked(key, version(1), by: cause(2, 1))])[2] == nil)
        #expect(cluster.send(1, [.confirm(upTo: 1)])[2] == [.done(operation: 1, .committed(version(2)), publishes: true)])
    }

    @Test("a commit of an owner that is not in the roster again waits: what others parked for it would be lost with this master")
    mutating func outOwnersCommit() {
        overwriteWithoutOwner1()
        _ = cluster.send(2, [.taken(operation: 1)])
        cluster.connect(1)
        #expect(cluster.report(1, [.live(key, version(1))], pending: [.put(5, key, .present)])[2] == nil)
        _ = cluster.send(1, [.confirm(upTo: 1)])
        #expect(cluster.send(1, [.commit(.put(6, key))])[2] == nil)
        #expect(cluster.written(1) == .in)
        let parked = Invalidation(number: 1, key: key, upTo: version(2), cause: cause(1, 5))
        #expect(cluster.answerWrites()[2] == [.invalidate(parked)])
    }

    @Test("R3: a copy that a report does not name is gone; the last one takes the key with it, in order")
    mutating func unreported() {
        _ = cluster.send(1, [.commit(.put(1, key)), .taken(operation: 1)])
        cluster.connect(1)
        _ = cluster.report(1)
        #expect(cluster.table.placement(of: key) == nil)
        #expect(cluster.notes.contains(.removed(key, version(2), .evicted)))
    }
}
