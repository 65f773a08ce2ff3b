import Fluxon
import FluxonCore
import FluxonLocalSupport
import FluxonOwner
import FluxonPool
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct SpaceLongTests {
    @Test("500 attached processes with one value of 4 KiB each in 64 MiB: none fails, nothing is evicted")
    func manyAttached() async throws {
        let owner = try await LocalOwner(capacityBytes: 64 << 20)
        var options = Store.Options()
        options.prefaults = false
        var stores: [Store] = []
        for index in 0..<500 {
            let store = try await Store.connect(to: owner.path, options: options)
            try await store.put("value \(index)", [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: 4_096))
            stores.append(store)
        }
        for index in 0..<500 { #expect(try await stores[499 - index].get("value \(index)")?.count == 4_096) }
        #expect(try await owner.inside { $0.pool.statistics.publishedEntries } == 500)
        // And each a hundred small ones more: most have pages of their own by then, and something must go.
        for store in stores { for index in 0..<100 { try await store.put("small \(index)", [UInt8](repeating: 1, count: 2_000)) } }
        for store in stores { store.close() }
    }
}
