package import Fluxon
internal import FluxonCore
import FluxonSeededRandom
internal import Synchronization

/// Clients that put, replace, remove and read, and write down what they saw.
package struct Workload: Sendable {
    package let stores: [Store]
    package let keys: KeyPlan
    package let log: any CallLog
    /// How long one call may take.
    package let timeout: Duration
    /// A value has up to this many bytes, 16 at least; small ones are many.
    package let largestValue: Int
    package let seed: UInt64
    private let isStopping = StopFlag()

    private final class StopFlag: Sendable {
        private let flag = Atomic<Bool>(false)
        var isSet: Bool { flag.load(ordering: .acquiring) }
        func set() { flag.store(true, ordering: .releasing) }
    }

    package init(
        stores: [Store], keys: KeyPlan, log: any CallLog, timeout: Duration = .seconds(10), largestValue: Int = 128 << 10, seed: UInt64 = 1
    ) {
        self.stores = stores
        self.keys = keys
        self.log = log
        self.timeout = timeout
        self.largestValue = largestValue
        self.seed = seed
    }

    /// Runs one writer, two readers and one who only glances a store until `nemesis` returns.
    package func run(whileRunning nemesis: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, store) in stores.enumerated() {
                group.addTask { await write(store, seed: seed &+ UInt64(index) &* 3) }
                for reader in 1...2 { group.addTask { await read(store, seed: seed &+ UInt64(index * 3 + reader)) } }
                group.addTask { await glance(store, seed: seed &+ UInt64(index * 3)) }
            }
            defer { isStopping.set() }
            try await nemesis()
            isStopping.set()
        }
    }

    /// Reads every key at every store, then takes it away.
    package func sweep(_ keys: [String]) async {
        var clients = stores.map { Client(store: $0, log: log, timeout: timeout) }
        for key in keys {
            for index in clients.indices { await clients[index].get(key) }
            await clients[0].remove(key)
        }
    }

    /// What a process does that comes for a moment: `count` calls, half of them on keys of all lengths.
    package func errand(_ count: Int) async {
        var random = SeededRandom(seed: seed)
        for store in stores {
            var client = Client(store: store, log: log, timeout: timeout)
            for _ in 0..<count {
                let isOdd = Bool.random(using: &random)
                let key = isOdd ? TestKey.oddName(Int.random(in: 0..<100, using: &random)) : keys.key(&random, at: HistoryClock.now)
                switch Int.random(in: 0..<20, using: &random) {
                case 0: await client.remove(key)
                case 1..<4: await client.replace(key, count: size(&random))
                case 4..<10: await client.put(key, count: size(&random))
                default: await client.get(key)
                }
            }
        }
    }

    private func write(_ store: Store, seed: UInt64) async {
        var random = SeededRandom(seed: seed)
        var client = Client(store: store, log: log, timeout: timeout)
        var epoch = keys.epoch(at: HistoryClock.now)
        while !isStopping.isSet {
            let now = HistoryClock.now
            let key = keys.key(&random, at: now)
            switch Int.random(in: 0..<20, using: &random) {
            case 0: await client.remove(key)
            case 1..<6: await client.replace(key, count: size(&random))
            default: await client.put(key, count: size(&random))
            }
            if keys.epoch(at: now) > epoch {
                epoch = keys.epoch(at: now)
                // The set before the last one: nobody uses it any more.
                for key in keys.keys(of: epoch - 2) where !isStopping.isSet { await client.remove(key) }
            }
            await pause()
        }
    }

    private func read(_ store: Store, seed: UInt64) async {
        var random = SeededRandom(seed: seed)
        var client = Client(store: store, log: log, timeout: timeout)
        while !isStopping.isSet {
            await client.get(keys.key(&random, at: HistoryClock.now))
            // Reads of shared memory would fill the history with millions of equal lines.
            await pause()
        }
    }

    private func glance(_ store: Store, seed: UInt64) async {
        var random = SeededRandom(seed: seed)
        var client = Client(store: store, log: log, timeout: timeout)
        while !isStopping.isSet {
            await client.glance(keys.key(&random, at: HistoryClock.now))
            await pause()
        }
    }

    private func pause() async { try? await Task.sleep(for: .milliseconds(3)) }

    /// A power of two, the smaller of two draws.
    private func size(_ random: inout SeededRandom) -> Int {
        let steps = largestValue.trailingZeroBitCount - 4
        return 16 << min(Int.random(in: 0...steps, using: &random), Int.random(in: 0...steps, using: &random))
    }
}
