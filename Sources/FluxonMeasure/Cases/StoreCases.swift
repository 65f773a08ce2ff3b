package import Fluxon
internal import FluxonCore

/// What a process pays for values: the cases `local get zero-copy`, `local get touched`, `local put` and `remote get tcp`.
///
/// The keys begin with `prefix` and are removed afterwards; what a failure leaves, `MeasuredKeys` knows.
package struct StoreCases: Sendable {
    private let store: Store
    private let timing: CaseTiming
    private let prefix: String
    private let keys: MeasuredKeys

    /// - Parameter prefix: Of the keys; another one for each process that measures at the same time.
    package init(store: Store, timing: CaseTiming, prefix: String = "fluxon-bench", keys: MeasuredKeys = MeasuredKeys()) {
        self.store = store
        self.timing = timing
        self.prefix = prefix
        self.keys = keys
    }

    /// A get of a value in this machine's pool whose bytes nobody looks at.
    package func localGetZeroCopy(bytes: Int) async throws -> Measurement {
        // Shorter than the clock's own cost, so timed in groups.
        try await localGet("local get zero-copy", bytes: bytes, group: 64) { $0.count }
    }

    /// The same with every byte read once.
    package func localGetTouched(bytes: Int) async throws -> Measurement {
        try await localGet("local get touched", bytes: bytes, group: bytes < 64 << 10 ? 16 : 1) { value in
            value.withBytes { span in
                var sum: UInt64 = 0
                var offset = 0
                while offset + 8 <= span.byteCount {
                    sum &+= span.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
                    offset += 8
                }
                return Int(truncatingIfNeeded: sum)
            }
        }
    }

    private func localGet(_ name: String, bytes: Int, group: Int, _ use: (Value) -> Int) async throws -> Measurement {
        let key = "\(prefix)/get/\(bytes)"
        keys.willPut(key, store)
        try await store.put(key, [UInt8](repeating: 7, count: bytes))
        var recorder = LatencyRecorder(reserving: 1 << 16)
        var sink = 0
        for _ in 0..<timing.warmUp { sink &+= try await one(key, use) }
        let start = CaseTiming.now
        let end = timing.end
        var before = start
        while before < end {
            try Task.checkCancellation()
            for _ in 0..<group { sink &+= try await one(key, use) }
            let after = CaseTiming.now
            recorder.record(nanoseconds: after - before)
            before = after
        }
        withExtendedLifetime(sink) {}
        let result = recorder.measurement(name, bytes: bytes, elapsedNanoseconds: before - start, operationsPerSample: group)
        try await keys.remove(key, store)
        return result
    }

    private nonisolated(nonsending) func one(_ key: String, _ use: (Value) -> Int) async throws -> Int {
        guard let value = try await store.get(key) else {
            throw FluxonError(.unavailable, "the value of \(key) was evicted while it was measured; enlarge the pool or lower --bytes")
        }
        return use(value)
    }

    /// A put through to the master's acknowledgement, each lane overwriting a key of its own.
    ///
    /// - Parameter isOnExecutor: The lanes run on the store's own executor: the case `local put on the store's executor`.
    package func localPut(bytes: Int, inFlight wanted: Int, isOnExecutor: Bool = false) async throws -> Measurement {
        let lanes = InFlightBudget.lanes(wanted, of: bytes)
        let content = [UInt8](repeating: 5, count: bytes)
        for lane in 0..<lanes {
            keys.willPut("\(prefix)/put/\(lane)", store)
            for _ in 0..<timing.warmUp { try await store.put("\(prefix)/put/\(lane)", content) }
        }
        let start = CaseTiming.now
        let end = timing.end
        let recorder = try await withThrowingTaskGroup(of: LatencyRecorder.self) { group in
            for lane in 0..<lanes {
                group.addTask(executorPreference: isOnExecutor ? store.taskExecutor : nil) { [store] in
                    let key = "\(prefix)/put/\(lane)"
                    var recorder = LatencyRecorder()
                    var before = CaseTiming.now
                    repeat {
                        try await store.put(key, content)
                        let after = CaseTiming.now
                        recorder.record(nanoseconds: after - before)
                        before = after
                    } while before < end
                    return recorder
                }
            }
            return try await group.reduce(into: LatencyRecorder()) { $0.merge($1) }
        }
        let elapsed = CaseTiming.now - start
        for lane in 0..<lanes { try await keys.remove("\(prefix)/put/\(lane)", store) }
        let name = isOnExecutor ? MeasuredCase.localPutOnExecutor : .localPut
        return recorder.measurement(name.rawValue, bytes: bytes, inFlight: lanes, elapsedNanoseconds: elapsed)
    }

    /// The first get of values that only `peer`'s owner has: found through the master, pulled from pool to pool.
    package func remoteGet(bytes: Int, from peer: Store) async throws -> Measurement {
        let count = max(4, min(256, (96 << 20) / max(1, bytes)))
        let content = [UInt8](repeating: 3, count: bytes)
        var recorder = LatencyRecorder()
        var elapsed: UInt64 = 0
        let end = timing.end
        var round = 0
        repeat {
            for index in 0..<count {
                keys.willPut("\(prefix)/remote/\(round)/\(index)", peer)
                try await peer.put("\(prefix)/remote/\(round)/\(index)", content)
            }
            for index in 0..<count {
                let before = CaseTiming.now
                guard try await store.get("\(prefix)/remote/\(round)/\(index)") != nil else {
                    throw FluxonError(
                        .unavailable, "a value put at the other owner was evicted before it was fetched; enlarge the pools or lower --bytes"
                    )
                }
                let duration = CaseTiming.now - before
                // The first fetch of a run makes the connection.
                guard round > 0 || index > 0 else { continue }
                recorder.record(nanoseconds: duration)
                elapsed += duration
            }
            for index in 0..<count { try await keys.remove("\(prefix)/remote/\(round)/\(index)", peer) }
            round += 1
        } while CaseTiming.now < end
        return recorder.measurement("remote get tcp", bytes: bytes, elapsedNanoseconds: elapsed)
    }
}
