import FluxonLinearizability
import FluxonCore
import FluxonOwner

/// A business process on a host: reads from the pool by itself, in the steps of P3, and asks the owner for the rest.
final class SimulatedClient {
    let host: SimulatedHost
    /// The pool that it has mapped.
    var store: SimulatedStore
    /// Versions that it saw last, for conditions.
    var seen: [Key: (version: Version, value: UInt64)] = [:]
    /// Its last call ended after all faults were over.
    var isSettled = false
    /// Calls that succeeded after all faults were over.
    var healthySuccesses = 0

    init(host: SimulatedHost) {
        self.host = host
        store = host.store
    }
}

/// What the clients saw, per key, in real time; a removal in order is one more operation.
struct History {
    private(set) var operations: [Key: [HistoryOperation]] = [:]
    /// Commits that are under way: open until answered.
    private var running: [Key: [Int: HistoryOperation]] = [:]
    private var next = 0
    var succeeded = 0
    var failed = 0
    var localReads = 0

    mutating func add(_ key: Key, _ action: HistoryOperation.Action, _ start: UInt64, _ end: UInt64?) {
        operations[key, default: []].append(HistoryOperation(action: action, start: start, end: end))
    }

    /// A commit that was handed to an owner: may take effect from now on.
    mutating func begin(_ key: Key, _ action: HistoryOperation.Action, _ start: UInt64) -> Int {
        next += 1
        running[key, default: [:]][next] = HistoryOperation(action: action, start: start, end: nil)
        return next
    }

    /// - Returns: False when it ended before.
    mutating func end(_ key: Key, _ number: Int, as action: HistoryOperation.Action? = nil, at end: UInt64?) -> Bool {
        guard let operation = running[key]?.removeValue(forKey: number) else { return false }
        add(key, action ?? operation.action, operation.start, end)
        return true
    }

    mutating func forget(_ key: Key, _ number: Int) -> Bool { running[key]?.removeValue(forKey: number) != nil }

    var summary: String { "\(succeeded) operations, \(localReads) of them local, \(failed) failed" }

    mutating func closeAll() {
        for (key, operations) in running {
            for (_, operation) in operations { add(key, operation.action, operation.start, nil) }
        }
        running = [:]
    }
}

extension Simulation {
    func startClient(_ host: SimulatedHost, _ number: Int) {
        let client = SimulatedClient(host: host)
        clients.append(client)
        schedule(after: random.range(1...500) * Self.millisecond) { [unowned self] in act(client) }
    }

    private func actAgain(_ client: SimulatedClient) {
        // Little goes on at the end: it shows whether the cluster is well again.
        let pause = random.below(options.thinkMilliseconds * 2 * (isCalm ? 20 : 1)) + 1
        schedule(after: pause * Self.millisecond) { [unowned self] in act(client) }
    }

    private func act(_ client: SimulatedClient) {
        let key = pick(keys)
        switch random.below(100) {
        case 0..<58: get(client, key)
        case 58..<63: look(client, key)
        case 63..<83: put(client, key, .none)
        case 83..<90: putIf(client, key)
        case 90..<96: remove(client, key)
        default:
            evict(client.host, key)
            actAgain(client)
        }
    }

    private func attach(_ client: SimulatedClient) {
        let old = client.store
        guard old !== client.host.store else { return }
        if old.isFenced || client.host.clock.read(at: now) >= old.deadline { client.store = client.host.store }
    }

    // MARK: reads

    private func get(_ client: SimulatedClient, _ key: Key) {
        attach(client)
        let start = now
        let store = client.store
        // L1 and the pin.
        guard let entry = store.entries[key] else { return ask(client, key, .value, start) }
        store.retain(entry.copy.extent)
        pause { [self] in
            let isValid = options.readerBug == .deadlineLast || isCurrent(client.host, store)
            pause { [self] in
                // L2.
                let isUnchanged = store.entries[key]?.generation == entry.generation
                pause { [self] in
                    let isValid = isValid && (options.readerBug != .deadlineLast || isCurrent(client.host, store))
                    let content = store.read(entry.copy.extent)
                    store.release(entry.copy.extent)
                    guard isUnchanged, isValid else { return ask(client, key, .value, start) }
                    guard let content else { return invariants.fail("I4: \(key) freed under a pin") }
                    history.localReads += 1
                    saw(client, key, entry.copy.version, content, start)
                }
            }
        }
    }

    /// A thread may stop anywhere between the steps of P3, for any time.
    private func pause(_ body: @escaping () -> Void) {
        guard !isCalm else { return body() }
        switch random.below(options.readerStops) {
        case 0: schedule(after: random.range(1...200) * Self.millisecond, body)
        case 1: schedule(after: random.range(200...12_000) * Self.millisecond, body)
        default: body()
        }
    }

    private func isCurrent(_ host: SimulatedHost, _ store: SimulatedStore) -> Bool {
        !store.isFenced && host.clock.read(at: now) < store.deadline
    }

    private func saw(_ client: SimulatedClient, _ key: Key, _ version: Version, _ content: UInt64, _ start: UInt64) {
        trace.add(
            now, 4, content, version.sequence,
            "\(client.host.instance) read \(key) = \(content) in \(version), asked at \(Double(start) / 1e9)")
        invariants.identity(key, version, content)
        client.seen[key] = (version, content)
        history.add(key, .read(content), start, now)
        succeeded(client)
    }

    private func look(_ client: SimulatedClient, _ key: Key) { ask(client, key, .metadata, now) }

    private func ask(_ client: SimulatedClient, _ key: Key, _ wants: GetRequest.Wants, _ start: UInt64) {
        let host = client.host
        guard host.owner.isAlive else { return failed(client) }
        let waiter = WaiterID(host.nextWaiter)
        host.nextWaiter += 1
        let patience = random.range(200...4_000) * Self.millisecond
        let store = host.store
        host.gets[waiter] = { [unowned self] answer in
            switch answer {
            case .value(let copy, _):
                guard let content = store.read(copy.extent) else { return invariants.fail("I4: \(key) freed before its handover") }
                saw(client, key, copy.version, content, start)
            case .metadata(let version, let byteCount): saw(client, key, version, byteCount, start)
            case .absent:
                trace.add(now, 5, start, 0, "\(host.instance) read \(key): absent, asked at \(Double(start) / 1e9)")
                history.add(key, .read(nil), start, now)
                succeeded(client)
            case .failed: failed(client)
            }
        }
        deliver(to: host.owner, after: localDelay()) { [unowned self] in
            turn(host) { table, local in
                let deadline = local.advanced(by: .nanoseconds(Int64(patience)))
                table.get(GetRequest(waiter: waiter, key: key, wants: wants, deadline: deadline), now: local)
            }
        }
        schedule(after: patience + 5 * Self.second) { host.gets.removeValue(forKey: waiter)?(.failed(.deadlineExceeded)) }
    }

    private func failed(_ client: SimulatedClient) {
        history.failed += 1
        // Its call may have begun while the last fault was felt.
        if isHealthDue, client.isSettled { invariants.fail("liveness: a call at \(client.host.instance) failed after all faults") }
        client.isSettled = isHealthDue
        actAgain(client)
    }

    private func succeeded(_ client: SimulatedClient) {
        history.succeeded += 1
        if isHealthDue { client.healthySuccesses += 1 }
        client.isSettled = isHealthDue
        actAgain(client)
    }

    /// With nothing wrong for a while, everybody is served again.
    func checkHealth() {
        for client in clients where client.healthySuccesses == 0 {
            invariants.fail("liveness: a client at \(client.host.instance) gets no answers long after the last fault")
        }
    }

    // MARK: commits

    private func put(_ client: SimulatedClient, _ key: Key, _ condition: CommitCondition) {
        let value = nextValue
        nextValue += 1
        commit(client, key, value, condition, .write(value))
    }

    private func putIf(_ client: SimulatedClient, _ key: Key) {
        let value = nextValue
        nextValue += 1
        if let seen = client.seen[key], !random.oneIn(4) {
            commit(client, key, value, .version(seen.version), .replace(expected: seen.value, with: value))
        } else {
            commit(client, key, value, .absent, .replace(expected: nil, with: value))
        }
    }

    private func remove(_ client: SimulatedClient, _ key: Key) { commit(client, key, nil, .none, .remove) }

    private func commit(
        _ client: SimulatedClient, _ key: Key, _ value: UInt64?, _ condition: CommitCondition, _ action: HistoryOperation.Action
    ) {
        let host = client.host
        guard host.owner.isAlive else { return failed(client) }
        let token = OperationToken(process: host.owner.life, counter: host.nextToken)
        host.nextToken += 1
        let number = history.begin(key, action, now)
        trace.add(
            now, 6, value ?? 0, UInt64(number), "\(host.instance) commits \(key) = \(value.map { "\($0)" } ?? "nothing") if \(condition)")
        host.commits[token] = { [unowned self] answer in
            answered(client, key, number, value, answer)
        }
        let patience = random.range(500...6_000) * Self.millisecond
        deliver(to: host.owner, after: localDelay()) { [unowned self] in
            turn(host) { table, local in
                let bytes = value.map { CommitRequest<Int>.Value(extent: host.store.write($0), byteCount: $0, flags: 0) }
                let deadline = local.advanced(by: .nanoseconds(Int64(patience)))
                let request = CommitRequest(token: token, key: key, value: bytes, condition: condition, deadline: deadline)
                table.commit(request, now: local)
            }
        }
        schedule(after: patience + 5 * Self.second) { host.commits.removeValue(forKey: token)?(.failed(.unknownOutcome)) }
    }

    private func answered(_ client: SimulatedClient, _ key: Key, _ number: Int, _ value: UInt64?, _ answer: CommitAnswer) {
        switch answer {
        case .committed(let version):
            trace.add(now, 7, UInt64(number), version.sequence, "\(client.host.instance) committed \(key) = \(value ?? 0) in \(version)")
            if let value { client.seen[key] = (version, value) }
            _ = history.end(key, number, at: now)
            succeeded(client)
        case .conditionFailed(let version):
            trace.add(
                now, 8, UInt64(number), 0, "\(client.host.instance) condition on \(key) failed, met \(version.map { "\($0)" } ?? "absence")"
            )
            let met = version.flatMap { invariants.value(key, $0) }
            if version != nil, met == nil { invariants.fail("I8: a condition met a version that was never completed") }
            _ = history.end(key, number, as: .read(met), at: now)
            succeeded(client)
        case .failed(.deadlineExceeded):
            _ = history.forget(key, number)
            failed(client)
        case .failed:
            trace.add(now, 9, UInt64(number), 0, "\(client.host.instance) does not know what became of \(key) = \(value ?? 0)")
            _ = history.end(key, number, at: nil)
            failed(client)
        }
    }

    private func evict(_ host: SimulatedHost, _ key: Key) {
        deliver(to: host.owner, after: localDelay()) { [unowned self] in
            turn(host) { table, _ in
                if table.evict(key) { invariants.evicted(key, at: host) }
            }
        }
    }
}
