import FluxonCore
import FluxonLinearizability
import FluxonOwner
import FluxonPool
import FluxonSeededRandom

/// How a value gets into the pool.
enum ValueRoute {
    /// Written in place.
    case extent(LocalExtent)
    /// Sent to the owner, which writes it into memory of its own.
    case socket
}

// Puts, conditional puts and removes: an extent of the process's own pages, bytes written in place, or bytes by the socket; one token (F1,
// F2, T1).
extension Simulation {
    func put(_ client: SimulatedClient, _ session: SimulatedSession, _ key: Key) {
        let value = takeValue()
        reserve(client, session, value) { [unowned self] route in
            commit(client, session, key, (value, route), .none, .write(value))
        }
    }

    func putIfPresent(_ client: SimulatedClient, _ session: SimulatedSession, _ key: Key) {
        let value = takeValue()
        reserve(client, session, value) { [unowned self] route in
            commit(client, session, key, (value, route), .present, .replacePresent(with: value))
        }
    }

    func putIf(_ client: SimulatedClient, _ session: SimulatedSession, _ key: Key) {
        let value = takeValue()
        let seen = random.oneIn(4) ? nil : client.seen[key]
        reserve(client, session, value) { [unowned self] route in
            let condition = seen.map { CommitCondition.version($0.version) } ?? .absent
            commit(client, session, key, (value, route), condition, .replace(expected: seen?.value, with: value))
        }
    }

    func remove(_ client: SimulatedClient, _ session: SimulatedSession, _ key: Key) {
        commit(client, session, key, nil, .none, .remove)
    }

    func removeIf(_ client: SimulatedClient, _ session: SimulatedSession, _ key: Key) {
        guard let seen = client.seen[key] else { return remove(client, session, key) }
        commit(client, session, key, nil, .version(seen.version), .removeExpected(seen.value))
    }

    private func takeValue() -> UInt64 {
        defer { nextValue += 1 }
        return nextValue
    }

    // MARK: Extents

    private func reserve(
        _ client: SimulatedClient, _ session: SimulatedSession, _ value: UInt64, _ body: @escaping (ValueRoute) -> Void
    ) {
        if random.oneIn(4) { return body(.socket) }
        let byteCount = UInt64(ValueBytes.byteCount(of: value))
        if let index = session.extents.firstIndex(where: { $0.capacity >= byteCount }) {
            return write(value, session.extents.remove(at: index), client, session, body)
        }
        let count = random.range(1...options.hoard)
        let call = SimulatedCall { [unowned self] call in
            send(call, session, patience: 2 * Self.second, .reserve(byteCount: byteCount, count: count))
        } answer: { [unowned self] answer in
            switch answer {
            case .granted(let grant) where grant.isEmpty: body(.socket)
            case .granted:
                guard let index = session.extents.firstIndex(where: { $0.capacity >= byteCount }) else {
                    return invariants.fail("F1: \(client.name) was granted no extent of \(byteCount) bytes")
                }
                write(value, session.extents.remove(at: index), client, session, body)
            case .failed(let code, _): failed(client, code)
            default: invariants.fail("codec: a reservation of \(client.name) was answered by \(answer)")
            }
        } fail: { [unowned self] in
            failed(client)
        }
        start(call, client, session, patience: 2 * Self.second)
    }

    func map(_ grant: LocalAnswer.Grant, _ session: SimulatedSession) {
        for span in grant.spans.map({ PoolSpan(offset: $0.offset, byteCount: $0.capacity) }) {
            session.spans = session.spans.flatMap { $0.without(span) }
            do { try session.arena.map(span) } catch { invariants.fail("F1: \(session.client.name) cannot map \(span): \(error)") }
            session.spans.append(span)
        }
        session.extents += grant.extents
    }

    /// Others need room: what no put uses goes back. F1: unmaps first, then says so.
    func unmap(_ spans: [LocalExtent], _ session: SimulatedSession) {
        if session.isConnected, !session.extents.isEmpty {
            send(session, LocalRequest(id: 0, body: .giveBack(session.extents)))
            session.extents = []
        }
        for span in spans {
            let span = PoolSpan(offset: span.offset, byteCount: span.capacity)
            do { try session.arena.unmap(span) } catch { invariants.fail("F1: \(session.client.name) cannot unmap \(span): \(error)") }
            session.spans = session.spans.flatMap { $0.without(span) }
        }
        if session.isConnected, !spans.isEmpty { send(session, LocalRequest(id: 0, body: .unmapped(spans))) }
    }

    /// The writer may stop in the middle for any time, or be killed there. It goes on through the mapping that it has.
    private func write(
        _ value: UInt64, _ extent: LocalExtent, _ client: SimulatedClient, _ session: SimulatedSession,
        _ body: @escaping (ValueRoute) -> Void
    ) {
        let byteCount = ValueBytes.byteCount(of: value)
        guard let bytes = session.arena.bytes(of: Extent(offset: extent.offset, capacity: extent.capacity)), bytes.count >= byteCount
        else { return invariants.fail("F1: \(client.name) was granted an extent that it has not mapped") }
        ValueBytes.write(value, to: bytes, half: 0)
        let finish = {
            ValueBytes.write(value, to: bytes, half: 1)
            body(.extent(extent))
        }
        guard let stop = stopOfAThread(client) else { return finish() }
        deliver(to: client, after: stop) { [session] in
            // The session keeps the mapping that is written through.
            withExtendedLifetime(session) { finish() }
        }
    }

    // MARK: Commits

    private func commit(
        _ client: SimulatedClient, _ session: SimulatedSession, _ key: Key, _ value: (number: UInt64, route: ValueRoute)?,
        _ condition: CommitCondition, _ action: HistoryOperation.Action
    ) {
        let counter = session.nextCounter
        session.nextCounter += 1
        let number = history.begin(key, action, now)
        trace.add(
            now, client.name, [6, value?.number ?? 0, UInt64(number)],
            "\(value.map { "puts \(name(key)) = value \($0.number)" } ?? "removes \(name(key))")\(condition.story)")
        // Some wait longer than a new master does (W₀).
        let patience = (random.oneIn(3) ? random.range(6_000...20_000) : random.range(500...6_000)) * Self.millisecond
        let body = Self.request(counter, key, value, condition)
        let call = SimulatedCall { [unowned self] call in
            send(call, session, patience: patience, body)
            // A retry that was not needed: the same token twice takes effect once (T1).
            if session.isConnected, random.oneIn(12) {
                send(session, LocalRequest(id: call.request, timeoutMicroseconds: patience / 1_000, body: body))
            }
        } answer: { [unowned self] answer in
            guard case .outcome(let outcome) = answer else {
                return invariants.fail("codec: a commit of \(client.name) was answered by \(answer)")
            }
            committed(client, key, number, value?.number, outcome.result)
        } fail: { [unowned self] in
            committed(client, key, number, value?.number, .failed(code: FluxonError.Code.unknownOutcome.rawValue, message: ""))
        }
        start(call, client, session, patience: patience)
    }

    private static func request(
        _ counter: UInt64, _ key: Key, _ value: (number: UInt64, route: ValueRoute)?, _ condition: CommitCondition
    ) -> LocalRequest.Body {
        guard let value else { return .remove(.init(counter: counter, key: key.bytes, condition: condition)) }
        let byteCount = ValueBytes.byteCount(of: value.number)
        switch value.route {
        case .extent(let extent):
            return .commit(
                .init(counter: counter, key: key.bytes, extent: extent, length: UInt64(byteCount), condition: condition))
        case .socket:
            var bytes = [UInt8](repeating: 0, count: byteCount)
            bytes.withUnsafeMutableBytes { bytes in
                for half in 0..<2 { ValueBytes.write(value.number, to: bytes, half: half) }
            }
            return .upload(
                .init(counter: counter, key: key.bytes, length: UInt64(byteCount), offset: 0, bytes: bytes, condition: condition))
        }
    }

    private func committed(_ client: SimulatedClient, _ key: Key, _ number: Int, _ value: UInt64?, _ result: LocalResult) {
        let what = value.map { "\(name(key)) = value \($0)" } ?? "the removal of \(name(key))"
        switch result {
        case .committed(let version):
            trace.add(now, client.name, [7, UInt64(number), version.sequence], "\(what) is committed, version \(version)")
            if let value { client.seen[key] = (version, value) }
            history.end(number, at: now)
            succeeded(client)
        case .conditionFailed(let version):
            let met = version.flatMap { invariants.value(key, $0) }
            trace.add(
                now, client.name, [8, UInt64(number)], "\(what) fails on its condition: met \(version.map { "\($0)" } ?? "absence")")
            if version != nil, met == nil { invariants.fail("I8: a condition met a version that was never completed") }
            history.end(number, as: .read(met), at: now)
            succeeded(client)
        case .failed(let code, _) where code == FluxonError.Code.unknownOutcome.rawValue:
            trace.add(now, client.name, [9, UInt64(number)], "does not know what became of \(what)")
            history.end(number, at: nil)
            failed(client)
        case .failed(let code, _):
            trace.add(now, client.name, [9, UInt64(number), UInt64(code)], "\(what) was never sent to a master")
            history.forget(number)
            failed(client, code)
        }
    }
}

extension CommitCondition {
    var story: String {
        switch self {
        case .none: ""
        case .absent: " if absent"
        case .present: " if present"
        case .version(let version): " if version \(version)"
        }
    }
}

extension LocalExtent {
    init(_ span: PoolSpan) { self.init(offset: span.offset, capacity: span.byteCount) }
}

extension PoolSpan {
    var range: Range<UInt64> { offset..<offset + byteCount }

    /// What is left of it.
    func without(_ other: PoolSpan) -> [PoolSpan] {
        let cut = range.clamped(to: other.range)
        guard !cut.isEmpty else { return [self] }
        return [range.lowerBound..<cut.lowerBound, cut.upperBound..<range.upperBound].filter { !$0.isEmpty }.map {
            PoolSpan(offset: $0.lowerBound, byteCount: UInt64($0.count))
        }
    }
}
