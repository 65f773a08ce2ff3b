import Fluxon
import FluxonLinearizability
import FluxonSystem
import Synchronization

/// Clients that put, remove and read a few hot keys and write down what they saw.
struct Workload: Sendable {
    let stores: [Store]
    let keys: [String]
    let recorder: HistoryRecorder
    /// How long one call may take.
    let timeout: Duration
    private let isStopping = StopFlag()

    final class StopFlag: Sendable {
        private let flag = Atomic<Bool>(false)
        var isSet: Bool { flag.load(ordering: .acquiring) }
        func set() { flag.store(true, ordering: .releasing) }
    }

    init(stores: [Store], keys: [String], recorder: HistoryRecorder, timeout: Duration = .seconds(10)) {
        self.stores = stores
        self.keys = keys
        self.recorder = recorder
        self.timeout = timeout
    }

    /// Runs one writer and two readers a store until `nemesis` returns.
    func run(whileRunning nemesis: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, store) in stores.enumerated() {
                group.addTask { await write(store, seed: UInt64(index)) }
                for reader in 0..<2 { group.addTask { await read(store, offset: index + reader) } }
            }
            defer { isStopping.set() }
            try await nemesis()
            isStopping.set()
        }
    }

    private func write(_ store: Store, seed: UInt64) async {
        var turn = seed
        while !isStopping.isSet {
            turn &+= 1
            let key = keys[Int(turn % UInt64(keys.count))]
            if turn % 23 == 0 { await remove(store, key) } else { await put(store, key, large: turn % 7 == 0) }
        }
    }

    private func put(_ store: Store, _ key: String, large: Bool) async {
        let number = recorder.newNumber()
        let bytes = TestValue.bytes(number: number, count: large ? 96 << 10 : 1024)
        let start = BootClock.now
        do throws(FluxonError) {
            try await store.put(key, bytes, timeout: timeout)
            recorder.record(key, .write(number), start: start.nanoseconds, end: BootClock.now.nanoseconds)
        } catch  where error.code == .unknownOutcome {
            recorder.record(key, .write(number), start: start.nanoseconds, end: nil)
        } catch { await pause() }
        checkDeadline("put", start)
    }

    private func remove(_ store: Store, _ key: String) async {
        let start = BootClock.now
        do throws(FluxonError) {
            let wasThere = try await store.remove(key, timeout: timeout)
            recorder.record(key, wasThere ? .remove : .read(nil), start: start.nanoseconds, end: BootClock.now.nanoseconds)
        } catch  where error.code == .unknownOutcome {
            recorder.record(key, .remove, start: start.nanoseconds, end: nil)
        } catch { await pause() }
        checkDeadline("remove", start)
    }

    private func read(_ store: Store, offset: Int) async {
        var turn = offset
        var newest: [String: Value.Version] = [:]
        while !isStopping.isSet {
            turn += 1
            let key = keys[turn % keys.count]
            let start = BootClock.now
            do throws(FluxonError) {
                guard let value = try await store.get(key, timeout: timeout) else {
                    recorder.record(key, .read(nil), start: start.nanoseconds, end: BootClock.now.nanoseconds)
                    continue
                }
                let end = BootClock.now
                guard let number = TestValue.number(of: value) else {
                    recorder.violation("\(key): a value of \(value.count) bytes is mixed")
                    continue
                }
                if let last = newest[key], value.version < last { recorder.violation("\(key): \(value.version) after \(last)") }
                newest[key] = value.version
                recorder.record(key, .read(number), start: start.nanoseconds, end: end.nanoseconds)
            } catch { await pause() }
            checkDeadline("get", start)
            // Reads of shared memory would fill the history with millions of equal lines.
            await pause()
        }
    }

    private func pause() async { try? await Task.sleep(for: .milliseconds(3)) }

    private func checkDeadline(_ call: String, _ start: BootInstant) {
        let took = BootClock.now.since(start)
        if took > timeout + .seconds(3) { recorder.violation("a \(call) took \(took), its timeout was \(timeout)") }
    }
}
