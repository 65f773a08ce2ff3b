package import Fluxon
internal import FluxonCore

/// One task of a client: calls one after the other, and remembers what later calls must not contradict.
package struct Client {
    let store: Store
    let log: any CallLog
    let timeout: Duration
    private var newest: [String: Value.Version] = [:]
    /// Values that are held for a while: their bytes must not change, whatever happens to key and owner.
    private var held: [(key: String, value: Value, number: UInt64)] = []

    package init(store: Store, log: any CallLog, timeout: Duration = .seconds(10)) {
        self.store = store
        self.log = log
        self.timeout = timeout
    }

    package mutating func put(_ key: String, count: Int) async {
        let number = log.newNumber()
        let bytes = TestValue.bytes(number: number, count: count)
        await call(key, .put(number)) { store throws(FluxonError) in
            try await store.put(TestKey.bytes(key), bytes, timeout: timeout)
            return .done
        }
    }

    mutating func remove(_ key: String) async {
        await call(key, .remove) { store throws(FluxonError) in
            try await store.remove(TestKey.bytes(key), timeout: timeout) ? .done : .saw(nil)
        }
    }

    /// Reads, and writes on the condition that what was read is still there.
    mutating func replace(_ key: String, count: Int) async {
        guard let seen = await get(key) else { return }
        let number = log.newNumber()
        let bytes = TestValue.bytes(number: number, count: count)
        let condition: Condition = seen.version.map { .version($0) } ?? .absent
        await call(key, .replace(expected: seen.number, with: number)) { store throws(FluxonError) in
            try await store.put(TestKey.bytes(key), bytes, if: condition, timeout: timeout)
            return .done
        }
    }

    /// - Returns: nil when the get failed.
    @discardableResult package mutating func get(_ key: String) async -> (number: UInt64?, version: Value.Version?)? {
        await read(key, .get, timeout: timeout)
    }

    /// A get that gives up at once where the value is not at hand: so a client looks on at what it has while its owner is away.
    mutating func glance(_ key: String) async { _ = await read(key, .glance, timeout: .milliseconds(50)) }

    private mutating func read(
        _ key: String, _ intent: Call.Intent, timeout: Duration
    ) async -> (number: UInt64?, version: Value.Version?)? {
        var found: Value?
        var number: UInt64?
        let outcome = await call(key, intent) { store throws(FluxonError) in
            found = try await store.get(TestKey.bytes(key), timeout: timeout)
            number = found.flatMap(TestValue.number)
            if found != nil, number == nil { throw FluxonError(.internalError, "mixed") }
            return .saw(number)
        }
        guard case .saw = outcome else {
            // A held value keeps the whole pool of a dead owner in memory, where its next life may need the room.
            if intent == .get { held = [] }
            if let found, number == nil { log.record(.violation("\(key): a value of \(found.count) bytes is mixed")) }
            return nil
        }
        if let found, let number { check(key, found, number) }
        return (number, found?.version)
    }

    private mutating func check(_ key: String, _ value: Value, _ number: UInt64) {
        if let last = newest[key], value.version < last { log.record(.violation("\(key): \(value.version) after \(last)")) }
        // Old sets of keys are not read again.
        if newest.count > 1000 { newest = [:] }
        newest[key] = value.version
        held.append((key, value, number))
        guard held.count > 8 else { return }
        let oldest = held.removeFirst()
        if TestValue.number(of: oldest.value) != oldest.number {
            log.record(.violation("\(oldest.key): the value \(oldest.number) changed while it was held"))
        }
    }

    @discardableResult private func call(
        _ key: String, _ intent: Call.Intent, _ body: (Store) async throws(FluxonError) -> Call.Outcome
    ) async -> Call.Outcome {
        let call = Call(number: log.newNumber(), key: key, intent: intent)
        log.record(.began(call))
        let outcome: Call.Outcome
        do throws(FluxonError) {
            outcome = try await body(store)
        } catch {
            switch error.code {
            case .unknownOutcome: outcome = .unknown
            case .conditionFailed: outcome = .refused
            default: outcome = .failed(error.code.rawValue)
            }
        }
        log.record(.ended(number: call.number, outcome, at: HistoryClock.now.nanoseconds))
        return outcome
    }
}
