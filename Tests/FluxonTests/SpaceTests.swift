import Fluxon
import FluxonCore
import FluxonLocalSupport
import FluxonOwner
import FluxonPool
import Testing

/// What processes cost the pool, and what happens when it is full (issue A1).
@Suite(.timeLimit(.minutes(1))) struct SpaceTests {
    private static func connect(_ owner: LocalOwner, _ name: String = "") async throws -> Store {
        var options = Store.Options()
        (options.prefaults, options.name) = (false, name)
        return try await Store.connect(to: owner.path, options: options)
    }

    private func bytes(_ count: Int, _ byte: UInt8 = 1) -> [UInt8] { [UInt8](repeating: byte, count: count) }

    @Test("a process that puts little has no pages; one that puts much has, and is not slower for it")
    func littleNeedsNoPages() async throws {
        let owner = try await LocalOwner()
        let store = try await Self.connect(owner)
        for index in 0..<Limits.socketPuts { try await store.put("little \(index)", bytes(4_096)) }
        #expect(try await owner.inside { $0.service.descriptions[0].spanBytes } == 0)
        for index in 0..<200 { try await store.put("much \(index)", bytes(4_096, UInt8(index))) }
        #expect(try await owner.inside { $0.service.descriptions[0].spanBytes } >= 160 * 4_096)
        #expect(try await store.get("little 3")?.copyBytes() == bytes(4_096))
        #expect(try await store.get("much 150")?.copyBytes() == bytes(4_096, 150))
        try await store.put("large", bytes(Limits.socketPutBytes + 1))
        #expect(try await store.get("large")?.count == Limits.socketPutBytes + 1)
    }

    @Test("what a living process does not use comes back when space is short: extents at hand, and pages that they were the last on")
    func livingGivesBack() async throws {
        let owner = try await LocalOwner(capacityBytes: 4 << 20)
        let first = try await Self.connect(owner)
        // Extents of several sizes at hand, in pages with nothing else, beside values that stay.
        for size in [2_000, 9_000, 30_000] {
            for index in 0..<60 { try await first.put("first \(size) \(index % 10)", bytes(size)) }
        }
        let kept = try await owner.inside { $0.service.summary.grantedBytes }
        #expect(kept > 0)
        let second = try await Self.connect(owner)
        try await second.put("one", bytes(3 << 20))
        #expect(try await owner.inside { $0.service.summary.grantedBytes } == 0)
        #expect(try await second.get("one")?.count == 3 << 20)
        // The first goes on, by the socket and then with pages again.
        for index in 0..<100 { try await first.put("again \(index % 5)", bytes(1_000)) }
    }

    @Test("when all is full, what was not read goes first, and nothing that somebody holds")
    func eviction() async throws {
        let owner = try await LocalOwner(capacityBytes: 4 << 20)
        let writer = try await Self.connect(owner)
        let reader = try await Self.connect(owner)
        try await writer.put("held", bytes(100_000, 7))
        let held = try #require(try await reader.get("held"))
        try await writer.put("read", bytes(100_000, 8))
        for index in 0..<300 {
            try await writer.put("value \(index)", bytes(100_000))
            if index % 4 == 0 { #expect(try await reader.get("read") != nil, "at \(index)") }
        }
        #expect(try await reader.get("held") != nil)
        #expect(try held.copyBytes() == bytes(100_000, 7))
        #expect(try await reader.get("value 299") != nil)
        #expect(try await reader.get("value 0") == nil)
        for index in 0..<3_000 { try await writer.put("small \(index)", bytes(1_500)) }
        #expect(try await reader.get("held") != nil)
    }

    @Test("where nothing can go, the error says how space is used and by which process")
    func exhausted() async throws {
        let owner = try await LocalOwner(capacityBytes: 4 << 20)
        let store = try await Self.connect(owner, "hoarder")
        var held: [Value] = []
        for index in 0..<3 {
            try await store.put("value \(index)", bytes(1 << 20))
            held.append(try #require(try await store.get("value \(index)")))
        }
        let failure = await fluxonError { try await store.put("more", count: 2 << 20) { _ in } }
        #expect(failure?.code == .poolExhausted)
        let text = failure?.message ?? ""
        for part in ["2097152 bytes", "own values take 3145728", "replicas 0", "retired copies 0", "(hoarder)", "holds 3 values"] {
            #expect(text.contains(part), "\(part) in: \(text)")
        }
        let small = await fluxonError { for index in 0..<1_000 { try await store.put("small \(index)", bytes(60_000)) } }
        #expect(small == nil, "those can go")
        withExtendedLifetime(held) {}
    }

    @Test("a key of 1 024 bytes costs its bytes, and no process's pages", arguments: [20, 1_024])
    func longKeys(byteCount: Int) async throws {
        let owner = try await LocalOwner(capacityBytes: 4 << 20)
        let store = try await Self.connect(owner)
        let name = String(repeating: "k", count: byteCount - 8)
        var count = 0
        while try await owner.inside({ $0.pool.statistics.publishedEntries }) == count {
            try await store.put(name + String(count + 10_000_000), bytes(8_192))
            count += 1
        }
        #expect(Double((count - 1) * (8_192 + (byteCount > 72 ? byteCount : 0))) >= 0.85 * Double(4 << 20))
    }
}
