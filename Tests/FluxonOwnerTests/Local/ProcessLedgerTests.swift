import FluxonCore
import FluxonOwner
import FluxonPool
import Testing

@Suite struct ProcessLedgerTests {
    var ledger = ProcessLedger()
    let extent = Extent(offset: 4096, capacity: 1024)
    let version = Version(term: 1, sequence: 1)

    @Test("a commit takes its extent out of the books, once")
    mutating func once() {
        ledger.grant(extent)
        #expect(ledger.grantedBytes == 1024)
        #expect(ledger.submit(counter: 1, request: 10, extent: wire(extent), length: 1000) == .proceed(extent))
        #expect(ledger.grantedBytes == 0)
        guard case .refused(.permissionDenied, _) = ledger.submit(counter: 2, request: 11, extent: wire(extent), length: 1000) else {
            Issue.record("the same extent was taken twice")
            return
        }
    }

    @Test("an extent that was never granted, another capacity, or a longer value is refused")
    mutating func refused() {
        ledger.grant(extent)
        for (asked, length) in [(LocalExtent(offset: 0, capacity: 1024), 1), (LocalExtent(offset: 4096, capacity: 2048), 1)]
            as [(LocalExtent, UInt64)]
        {
            guard case .refused(.permissionDenied, _) = ledger.submit(counter: 1, request: 1, extent: asked, length: length) else {
                Issue.record("\(asked) was accepted")
                continue
            }
        }
        guard case .refused(.invalidArgument, _) = ledger.submit(counter: 1, request: 1, extent: wire(extent), length: 1025) else {
            Issue.record("a value longer than its extent was accepted")
            return
        }
        #expect(ledger.inFlightCount == 0)
        #expect(ledger.submit(counter: 1, request: 1, extent: wire(extent), length: 1024) == .proceed(extent))
    }

    @Test("the same token joins the running operation, then repeats its outcome, until that is acknowledged")
    mutating func tokens() {
        #expect(ledger.submit(counter: 1, request: 10, extent: nil, length: 0) == .proceed(nil))
        #expect(ledger.submit(counter: 1, request: 11, extent: nil, length: 0) == .joined)
        #expect(ledger.settle(counter: 1, .committed(version)) == [10, 11])
        #expect(ledger.settle(counter: 1, .committed(version)) == [])
        #expect(ledger.submit(counter: 1, request: 12, extent: nil, length: 0) == .repeated(.committed(version)))
        ledger.received([1, 99])
        #expect(ledger.keptOutcomes == 0)
    }

    @Test("what is acknowledged before its outcome is there stays")
    mutating func earlyAcknowledgement() {
        _ = ledger.submit(counter: 1, request: 10, extent: nil, length: 0)
        ledger.received([1])
        #expect(ledger.settle(counter: 1, .conditionFailed(nil)) == [10])
        #expect(ledger.keptOutcomes == 1)
    }

    @Test("a death leaves unsent extents and held entries; sent operations end without an answer")
    mutating func death() {
        let other = Extent(offset: 8192, capacity: 1024)
        ledger.grant(other)
        ledger.grant(extent)
        _ = ledger.submit(counter: 1, request: 10, extent: wire(extent), length: 1)
        let entry = EntryReference(index: 7, generation: 3)
        #expect(ledger.handOver(request: 20, entry) == nil)
        #expect(ledger.end() == .init(extents: [other], entries: [entry]))
        #expect(ledger.settle(counter: 1, .committed(version)) == [])
        #expect(ledger.keptOutcomes == 0)
        #expect(ledger.end() == .init(extents: [], entries: []))
    }

    @Test("a new connection voids unconfirmed handovers and answers nobody of the old one; operations go on")
    mutating func reconnection() {
        let entry = EntryReference(index: 7, generation: 3)
        _ = ledger.handOver(request: 20, entry)
        _ = ledger.submit(counter: 1, request: 10, extent: nil, length: 0)
        #expect(ledger.reconnect() == [entry])
        #expect(ledger.confirm(request: 20) == nil)
        #expect(ledger.submit(counter: 1, request: 30, extent: nil, length: 0) == .joined)
        #expect(ledger.settle(counter: 1, .committed(version)) == [30])
    }

    @Test("extents come back once, and only those of the books")
    mutating func giveBack() {
        ledger.grant(extent)
        #expect(ledger.giveBack([LocalExtent(offset: 1, capacity: 1), wire(extent), wire(extent)]) == [extent])
        #expect(ledger.grantedCount == 0)
    }

    @Test("operations in flight and outcomes that nobody acknowledges have a limit")
    mutating func limits() {
        for counter in 1...UInt64(Limits.localOperations) { _ = ledger.submit(counter: counter, request: counter, extent: nil, length: 0) }
        guard case .refused(.unavailable, _) = ledger.submit(counter: 0, request: 1, extent: nil, length: 0) else {
            Issue.record("no limit on operations")
            return
        }
        for counter in 1...UInt64(Limits.localOperations) { _ = ledger.settle(counter: counter, .committed(version)) }
        guard case .refused(.protocolViolation, _) = ledger.submit(counter: 0, request: 1, extent: nil, length: 0) else {
            Issue.record("no limit on outcomes")
            return
        }
    }

    private func wire(_ extent: Extent) -> LocalExtent { LocalExtent(offset: extent.offset, capacity: extent.capacity) }
}
