import FluxonCore
import FluxonLinearizability
import FluxonOwner
import FluxonPool
import FluxonSeededRandom

/// A get in its steps, kept while its thread stands between two of them.
private final class ReadInProgress {
    var read: SteppedRead?

    init(_ read: consuming SteppedRead) { self.read = consume read }
}

/// A pinned value that somebody holds.
private final class HeldValue {
    private let view: PinnedView

    init(_ view: consuming PinnedView) { self.view = consume view }

    var version: Version { view.version }
    var value: UInt64? { view.withBytes { ValueBytes.value(of: $0) } }
}

// Reads: from shared memory in the steps of P3, else through the owner (P7).
extension Simulation {
    func get(_ client: SimulatedClient, _ session: SimulatedSession, _ key: Key) {
        #if FLUXON_PLANTING
        let read = SteppedRead(session.view, key, planted: options.planted?.readerMistake)
        #else
        let read = SteppedRead(session.view, key)
        #endif
        step(ReadInProgress(read), client, session, key, now)
    }

    private func step(
        _ reading: ReadInProgress, _ client: SimulatedClient, _ session: SimulatedSession, _ key: Key, _ start: UInt64
    ) {
        while reading.read?.next != .done {
            reading.read?.advance(now: client.host.clock.read(at: now))
            guard let stop = stopOfAThread(client) else { continue }
            return deliver(to: client, after: stop) { [unowned self] in step(reading, client, session, key, start) }
        }
        guard let outcome = reading.read.take()?.finish(now: client.host.clock.read(at: now)) else { return }
        switch consume outcome {
        case .hit(let view):
            history.countLocalRead()
            saw(HeldValue(view), client, key, start)
        default: ask(client, session, key, .value, start)
        }
    }

    /// A thread may stop anywhere between the steps of P3, for any time.
    func stopOfAThread(_ client: SimulatedClient) -> UInt64? {
        guard isRough else { return nil }
        // Where the owner cannot renew its validity a stop is worth more.
        let host = client.host
        let isTroubled = now < host.cutOffUntil || host.clock.read(at: now) >= host.store.deadline
        switch random.below(isTroubled ? min(options.readerStops, 4) : options.readerStops) {
        case 0: return random.range(1...200) * Self.millisecond
        case 1: return random.range(200...12_000) * Self.millisecond
        default: return nil
        }
    }

    /// I1, I4: the bytes are those of the version. Some values are held for a while, and are what they were at the end.
    private func saw(_ held: HeldValue, _ client: SimulatedClient, _ key: Key, _ start: UInt64) {
        let version = held.version
        guard let value = invariants.i4Whole(held.value, key, version) else { return }
        saw(client, key, version, value, start)
        guard !isCalm, random.oneIn(6) else { return }
        deliver(to: client, after: random.range(1...4_000) * Self.millisecond) { [unowned self] in
            invariants.i4Unchanged(held.value, was: value, key, version)
        }
    }

    private func saw(_ client: SimulatedClient, _ key: Key, _ version: Version, _ value: UInt64, _ start: UInt64) {
        trace.add(
            now, client.name, [4, value, version.sequence],
            "read \(name(key)): value \(value), version \(version), asked at \(SimulationTrace.clock(start))")
        invariants.i1Content(key, version, value)
        client.seen[key] = (version, value)
        history.add(key, .read(value), start, now)
        succeeded(client)
    }

    func ask(_ client: SimulatedClient, _ session: SimulatedSession, _ key: Key, _ wants: GetRequest.Wants, _ start: UInt64) {
        let patience = random.range(200...4_000) * Self.millisecond
        let body: LocalRequest.Body =
            wants == .value ? .get(.init(key: key.bytes, isLocal: false, isCopied: false)) : .inspect(key: key.bytes)
        var request: UInt64 = 0
        let call = SimulatedCall { [unowned self] call in
            send(call, session, patience: patience, body)
            request = call.request
        } answer: { [unowned self] answer in
            switch answer {
            case .handover(let handover): take(handover, request, client, session, key, start)
            case .described(let length, let version):
                saw(client, key, version, ValueBytes.value(ofByteCount: length), start)
            case .absent:
                trace.add(now, client.name, [5, start], "read \(name(key)): absent, asked at \(SimulationTrace.clock(start))")
                history.add(key, .read(nil), start, now)
                succeeded(client)
            case .failed(let code, _): failed(client, code)
            default: invariants.fail("codec: a get of \(client.name) was answered by \(answer)")
            }
        } fail: { [unowned self] in
            failed(client)
        }
        self.start(call, client, session, patience: patience)
    }

    /// P7: the owner holds the entry till the process has pinned it and said so, however long the process stands in between.
    private func take(
        _ handover: LocalAnswer.Handover, _ request: UInt64, _ client: SimulatedClient, _ session: SimulatedSession, _ key: Key,
        _ start: UInt64
    ) {
        if let stop = stopOfAThread(client) {
            return deliver(to: client, after: stop) { [unowned self] in
                take(handover, request, client, session, key, start)
            }
        }
        let entry = EntryReference(index: UInt32(truncatingIfNeeded: handover.entry), generation: handover.entryGeneration)
        var held: HeldValue?
        switch session.view.take(entry, epoch: handover.epoch) {
        case .hit(let view): held = HeldValue(view)
        default: break
        }
        if session.isConnected {
            send(session, LocalRequest(id: request, body: .confirm(pinned: held != nil, pinWords: session.pinWords)))
        }
        guard let held else { return failed(client) }
        if held.version != handover.version {
            invariants.fail("P7: \(handover.version) of \(name(key)) was handed over, the entry has \(held.version)")
        }
        saw(held, client, key, start)
    }
}
