import FluxonCore
import FluxonRPC
import FluxonTransfer
import Testing

@testable import FluxonOwner

/// Values between two owners that cannot reach each other, by way of a third, with real tickets and sockets.
/// One after the other: each has three owners and moves megabytes, and other suites of this process measure time.
@Suite(.serialized, .timeLimit(.minutes(2))) struct RelayedGetLongTests {
    private let key: Key
    private static let piece = Limits.relayPieceBytes
    private static let nothing = RelayStage.Footprint()

    init() throws { key = try Key("key") }

    @Test(
        "the first get after the network broke brings the bytes: reported, looked up again, relayed; and the relay keeps nothing",
        arguments: [1, 70_000, piece, piece + 1, 3 * piece - 5])
    func firstGet(count: Int) async throws {
        let stage = try await RelayStage()
        try await stage.put(key, number: 7, count: count)
        #expect(try await stage.get(key) == 7)
        let holder = try await stage.on(.holder) { $0.driver.owner }
        #expect(try await stage.on(.asker) { $0.reported } == [[holder]])
        #expect(try await stage.on(.asker) { $0.fetcher.relayed } == RelayedFetchCounters(fetches: 1, bytes: UInt64(count)))
        let pieces = UInt64((count + Self.piece - 1) / Self.piece)
        #expect(try await stage.on(.relay) { $0.relay.counters } == RelayCounters(pieces: pieces, bytes: UInt64(count)))
        try await stage.wait(.relay) { $0.footprint == Self.nothing }
        try await stage.wait(.holder) { $0.footprint.tickets == 0 }
        await stage.stop()
    }

    @Test("the next gets do not try the direct way first, and a value of no bytes comes too")
    func nextGets() async throws {
        let stage = try await RelayStage()
        for number in 1...5 as ClosedRange<UInt8> {
            let key = try Key("key-\(number)")
            try await stage.put(key, number: number, count: 1000)
            #expect(try await stage.get(key) == number)
        }
        #expect(try await stage.on(.asker) { ($0.driver.counters.fetches, $0.driver.counters.fetchesFailed) } == (5, 1))
        let empty = try Key("empty")
        try await stage.put(empty, number: 0, count: 0)
        #expect(try await stage.get(empty) == nil)
        #expect(try await stage.on(.asker) { ($0.driver.counters.fetches, $0.driver.counters.fetchesFailed) } == (6, 1))
        await stage.stop()
    }

    @Test("when the holder can be reached again, the master hears it and values come directly")
    func directAgain() async throws {
        let stage = try await RelayStage()
        try await stage.put(key, number: 1, count: 1000)
        #expect(try await stage.get(key) == 1)
        try await stage.repair()
        try await stage.put(key, number: 2, count: 1000)
        #expect(try await stage.get(key) == 2)
        #expect(try await stage.on(.asker) { $0.reported.last } == [])
        #expect(try await stage.on(.relay) { $0.relay.counters.pieces } == 1)
        await stage.stop()
    }

    @Test("a relay of which the asker's directory does not know yet fails one attempt after the other, each once, until it does")
    func unknownRelay() async throws {
        let stage = try await RelayStage()
        let relay = try await stage.on(.relay) { $0.driver.owner }
        let member = try await stage.on(.asker) { $0.directory.removeValue(forKey: relay) }
        try await stage.put(key, number: 4, count: 3 * Self.piece)
        async let got = stage.get(key)
        try await stage.wait(.asker) { $0.driver.counters.fetchesFailed > 3 }
        try await stage.on(.asker) { $0.directory[relay] = member }
        #expect(try await got == 4)
        await stage.stop()
    }

    @Test("an owner that lends no memory to relaying is nobody's relay: the get ends at its deadline")
    func noRelay() async throws {
        let stage = try await RelayStage(relayBytes: 0)
        try await stage.put(key, number: 1, count: 1000)
        await #expect(throws: FluxonError.self) { try await stage.get(key, within: .milliseconds(300)) }
        #expect(try await stage.on(.relay) { $0.relay.counters.pieces } == 0)
        await stage.stop()
    }

    @Test("what is overwritten or removed while it is relayed comes in one version, whole, or not at all", arguments: [true, false])
    func overwritten(isOverwritten: Bool) async throws {
        let stage = try await RelayStage(poolBytes: 96 << 20)
        let count = 6 * Self.piece
        try await stage.put(key, number: 1, count: count)
        async let got = stage.get(key)
        try await stage.wait(.relay) { $0.relay.counters.pieces > 0 }
        if isOverwritten {
            try await stage.put(key, number: 2, count: count)
            let number = try await got
            #expect(number == 1 || number == 2)
            #expect(try await stage.get(key) == 2)
        } else {
            try await stage.remove(key)
            let number = try await got
            #expect(number == 1 || number == nil)
            #expect(try await stage.get(key) == nil)
        }
        try await stage.wait(.relay) { $0.footprint == Self.nothing }
        try await stage.wait(.holder) { $0.footprint.tickets == 0 }
        await stage.stop()
    }

    @Test("a holder that stops in the middle leaves nothing at the relay, and the get ends at its deadline")
    func holderStops() async throws {
        let stage = try await RelayStage(poolBytes: 96 << 20)
        try await stage.put(key, number: 1, count: 6 * Self.piece)
        async let got = stage.get(key, within: .seconds(1))
        try await stage.wait(.relay) { $0.relay.counters.pieces > 0 }
        try await stage.on(.holder) { $0.close() }
        do { #expect(try await got == 1, "all of it may have been on its way already") } catch { #expect(error is FluxonError) }
        try await stage.wait(.relay) { $0.footprint == Self.nothing }
        await stage.stop()
    }

    // MARK: At the relay

    @Test("what is relayed never takes more than the relay lends; who waits is served when a piece is given back, or told that it is busy")
    func bounded() async throws {
        let stage = try await RelayStage(relayBytes: Self.piece)
        try await stage.put(key, number: 1, count: 2 * Self.piece)
        let version = try await stage.version(of: key)
        let range = 0..<UInt64(Self.piece)
        let first = try await stage.ask(key, version, range)
        try await stage.wait(.asker) { _ in first.isOver }
        guard case .granted = try await stage.on(.asker, { _ in first.answer }) else { throw CancellationError() }
        let second = try await stage.ask(key, version, range, as: "other")
        try await stage.wait(.relay) { $0.footprint.waiting == 1 }
        #expect(try await stage.on(.relay) { $0.footprint.heldBytes } == Self.piece)
        // Nobody reads under the first ticket, so that the second one's time is up.
        try await stage.wait(.asker) { _ in second.isOver }
        #expect(try await stage.on(.asker) { _ in second.answer } == .busy)
        let third = try await stage.ask(key, version, range, as: "other")
        try await stage.wait(.relay) { $0.footprint.waiting == 1 }
        try await stage.on(.relay) { relay in
            relay.transfer.assumeIsolated { $0.sessionEnded(of: Asker(instance: InstanceKey("asker"), generation: Generation(1))) }
        }
        try await stage.wait(.asker) { _ in third.isOver }
        guard case .granted(_, let length, _, _) = try await stage.on(.asker, { _ in third.answer }) else { throw CancellationError() }
        #expect(length == UInt64(2 * Self.piece))
        await stage.stop()
    }

    @Test("an asker that goes, in the line or while its piece is read, leaves nothing behind at the relay and at the holder")
    func askerGoes() async throws {
        let stage = try await RelayStage(relayBytes: Self.piece)
        try await stage.put(key, number: 1, count: 2 * Self.piece)
        let version = try await stage.version(of: key)
        for _ in 0..<5 {
            let calls = [
                try await stage.ask(key, version, 0..<UInt64(Self.piece)), try await stage.ask(key, version, 0..<UInt64(Self.piece)),
            ]
            try await stage.wait(.relay) { $0.footprint.heldBytes > 0 && $0.footprint.waiting == 1 }
            try await stage.on(.asker) { _ in for call in calls { call.stream?.cancel() } }
            // A ticket that was granted meanwhile ends with the asker's session.
            try await stage.wait(.relay) { relay in
                relay.transfer.assumeIsolated { $0.sessionEnded(of: Asker(instance: InstanceKey("asker"), generation: Generation(1))) }
                return relay.footprint == Self.nothing
            }
        }
        // As one that the relay had asked for and did not show any more does with the relay's, or after `TransferLimits.unusedTicket`.
        try await stage.wait(.holder) { holder in
            holder.transfer.assumeIsolated { $0.sessionEnded(of: Asker(instance: InstanceKey("relay"), generation: Generation(3))) }
            return holder.footprint.tickets == 0
        }
        await stage.stop()
    }

    @Test("a version that the holder has no more is gone, also by a relay; a range that is too long, or beyond the value, is refused")
    func wrongQuestions() async throws {
        let stage = try await RelayStage()
        try await stage.put(key, number: 1, count: 1000)
        let old = try await stage.version(of: key)
        try await stage.put(key, number: 2, count: 1000)
        let present = try await stage.version(of: key)
        let questions: [(Version, Range<UInt64>, TicketAnswer?)] = [
            (old, 0..<1000, .gone), (present, 0..<1001, .gone), (present, 0..<UInt64(Self.piece) + 1, nil),
        ]
        for (version, range, answer) in questions {
            let call = try await stage.ask(key, version, range)
            try await stage.wait(.asker) { _ in call.isOver }
            #expect(try await stage.on(.asker) { _ in call.answer } == answer)
        }
        try await stage.wait(.relay) { $0.footprint == Self.nothing }
        await stage.stop()
    }
}
