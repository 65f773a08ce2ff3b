import Fluxon
import FluxonCore
import FluxonLocalSupport
import FluxonOwner
import FluxonPool
import Testing

@Suite(.timeLimit(.minutes(1))) struct StoreTests {
    @Test("what was put is read back in place, byte for byte", arguments: [0, 1, 63, 64, 4096, 100_000, 3 << 20])
    func roundTrip(count: Int) async throws {
        let owner = try await LocalOwner()
        let store = try await Store.connect(to: owner.path)
        #expect(store.isMapped)
        #expect(store.clusterName == "demo")
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        let version = try await store.put("key", bytes)
        let value = try #require(try await store.get("key"))
        #expect(value.count == count)
        #expect(value.version == version)
        #expect(try value.copyBytes() == bytes)
        #expect(value.withBytes { $0.byteCount } == count)
        #expect(try await store.size("key") == count)
        store.close()
    }

    @Test("a value is written where it will lie, and the pointer ends with the closure")
    func inPlace() async throws {
        let owner = try await LocalOwner()
        let store = try await Store.connect(to: owner.path)
        try await store.put("key", count: 16) { bytes in
            bytes.storeBytes(of: 0x0102_0304_0506_0708, toByteOffset: 8, as: UInt64.self)
            bytes.storeBytes(of: 0, toByteOffset: 0, as: UInt64.self)
        }
        let value = try #require(try await store.get("key"))
        #expect(try value.copyBytes() == [0, 0, 0, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1])
        struct Refusal: Error {}
        await #expect(throws: Refusal.self) { try await store.put("other", count: 16) { _ in throw Refusal() } }
        #expect(try await store.get("other") == nil)
    }

    @Test("a task on the store's own executor puts and gets there, and goes on after the store's end")
    func ownExecutor() async throws {
        let owner = try await LocalOwner()
        let store = try await Store.connect(to: owner.path)
        let code = try await Task(executorPreference: store.taskExecutor) {
            for number in 0..<100 { try await store.put("key", "\(number)") }
            let last = try await store.get("key").map { try $0.copyBytes() }
            #expect(last == Array("99".utf8))
            store.close()
            return await fluxonError { try await store.put("key", "closed") }?.code
        }.value
        #expect(code == .closed)
    }

    @Test("a key that was never put, or was removed, shows nothing")
    func absent() async throws {
        let owner = try await LocalOwner()
        let store = try await Store.connect(to: owner.path)
        #expect(try await store.get("none") == nil)
        #expect(try await store.exists("none") == false)
        #expect(try await store.remove("none") == false)
        try await store.put("key", "text")
        #expect(try await store.exists("key"))
        #expect(try await store.remove("key"))
        #expect(try await store.get("key") == nil)
        #expect(try await store.get("key", consistency: .local) == nil)
        #expect(try await store.size("key") == nil)
    }

    @Test("a held value stays as it was while its key is overwritten, removed and its store closed")
    func held() async throws {
        let owner = try await LocalOwner(capacityBytes: 4 << 20)
        let store = try await Store.connect(to: owner.path)
        try await store.put("key", [UInt8](repeating: 1, count: 1000))
        let first = try #require(try await store.get("key"))
        for round in 2..<200 { try await store.put("key", [UInt8](repeating: UInt8(round), count: 1000)) }
        #expect(try await store.remove("key"))
        store.close()
        #expect(try first.copyBytes() == [UInt8](repeating: 1, count: 1000))
    }

    @Test("conditions are judged by what the key shows")
    func conditions() async throws {
        let owner = try await LocalOwner()
        let store = try await Store.connect(to: owner.path)
        await expect(.conditionFailed) { try await store.put("key", "a", if: .present) }
        let first = try await store.put("key", "a", if: .absent)
        await expect(.conditionFailed) { try await store.put("key", "b", if: .absent) }
        let second = try await store.put("key", "b", if: .version(first))
        #expect(first < second)
        await expect(.conditionFailed) { try await store.put("key", "c", if: .version(first)) }
        await expect(.conditionFailed) { try await store.remove("key", if: .version(first)) }
        #expect(try await store.remove("key", if: .version(second)))
    }

    @Test("many puts at once travel in few messages and all arrive")
    func batches() async throws {
        let owner = try await LocalOwner(capacityBytes: 64 << 20)
        let store = try await Store.connect(to: owner.path)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<64 {
                group.addTask {
                    for round in 0..<20 { try await store.put("key-\(task)-\(round)", [UInt8](repeating: UInt8(task), count: 4096)) }
                }
            }
            try await group.waitForAll()
        }
        for task in 0..<64 {
            let value = try #require(try await store.get("key-\(task)-19"))
            #expect(value.withBytes { $0.unsafeLoad(fromByteOffset: 4095, as: UInt8.self) } == UInt8(task))
        }
        // Outcomes are acknowledged, so that the owner forgets them.
        try await store.put("last", "x")
        try await owner.until { $0.service.summary.outcomesKept <= 1 }
    }

    @Test("keys of 1 to 1 024 arbitrary bytes, and no others")
    func keys() async throws {
        let owner = try await LocalOwner()
        let store = try await Store.connect(to: owner.path)
        for key in [[0], [255, 0, 254], [UInt8](repeating: 7, count: 73), [UInt8](repeating: 9, count: 1024)] as [[UInt8]] {
            try await store.put(key, key)
            #expect(try await store.get(key)?.copyBytes() == key)
        }
        await expect(.invalidArgument) { try await store.put([UInt8](repeating: 9, count: 1025), "x") }
        await expect(.invalidArgument) { try await store.get("") }
        await expect(.invalidArgument) { try await store.size([UInt8](repeating: 9, count: 1025)) }
    }

    @Test("a process may hold far more values than the pin words that it starts with")
    func manyPins() async throws {
        let owner = try await LocalOwner(capacityBytes: 32 << 20)
        let store = try await Store.connect(to: owner.path)
        for index in 0..<600 { try await store.put("key-\(index)", "\(index)") }
        var held: [Value] = []
        for index in 0..<600 { held.append(try #require(try await store.get("key-\(index)"))) }
        for index in 0..<600 { try await store.put("key-\(index)", "another") }
        for index in 0..<600 { #expect(try held[index].copyBytes() == Array("\(index)".utf8)) }
        // None of them is a copy: the owner keeps them all.
        #expect(
            try await owner.inside { parts in
                parts.pool.collect(); return parts.pool.retiredCount
            } == 600)
    }

    @Test("a value larger than the pool is refused by name, and a full pool says so")
    func tooLarge() async throws {
        let owner = try await LocalOwner(capacityBytes: 4 << 20)
        let store = try await Store.connect(to: owner.path)
        await expect(.valueTooLarge) { try await store.put("key", count: 1 << 30) { _ in } }
        // Nothing can be evicted: every value is held.
        var held: [Value] = []
        let error = await fluxonError {
            for index in 0..<100 {
                try await store.put("key-\(index)", [UInt8](repeating: 1, count: 256 << 10))
                if let value = try await store.get("key-\(index)") { held.append(value) }
            }
        }
        #expect(error?.code == .poolExhausted)
        #expect(held.count >= 8)
        held = []
        try await store.put("after", [UInt8](repeating: 1, count: 256 << 10))
    }
}

/// The `FluxonError` that `body` throws, nil for none or another.
func fluxonError<T>(_ body: () async throws -> T) async -> FluxonError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? FluxonError
    }
}

func expect<T>(_ code: FluxonError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> T) async {
    let error = await fluxonError(body)
    #expect(error?.code == code, "\(error.map { "\($0)" } ?? "no error")", sourceLocation: sourceLocation)
}
