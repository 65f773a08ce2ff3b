import Fluxon
import FluxonLocalSupport
import Testing

/// README.md shows the lines of `example` as they stand here: `DocumentTests` holds it to that.
@Suite(.timeLimit(.minutes(1))) struct ReadmeExampleTests {
    private let bytes = [UInt8](repeating: 7, count: 1000)

    private func fill(_ memory: inout MutableRawSpan) {
        for offset in stride(from: 0, to: memory.byteCount, by: 4096) { memory.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self) }
    }

    private func use(_ bytes: RawSpan) { #expect(bytes.byteCount == 1000) }

    @Test("what README.md shows works, in a pool with room and in a full one", arguments: [24 << 20, 64 << 20])
    func readme(capacityBytes: Int) async throws {
        let owner = try await LocalOwner(capacityBytes: capacityBytes)
        let store = try await Store.connect(to: owner.path)
        try await store.put("other", count: 16 << 20) { _ in }
        let held = try #require(try await store.get("other"))
        try await example(owner.path)
        #expect(held.isReadable)
        #expect(try await store.exists("big") == (capacityBytes > 32 << 20))
        #expect(try await store.exists("layer-7/block-42") == false)
    }

    private func example(_ path: String) async throws {
        let store = try await Store.connect(to: path)  // an owner's shared.json, or any socket of it
        try await store.put("layer-7/block-42", bytes)
        do {
            try await store.put("big", count: 16 << 20) { (memory: inout MutableRawSpan) in fill(&memory) }  // where it will lie
        } catch let error as FluxonError where error.code == .poolExhausted {
            print("not kept: \(error)")  // says what fills the pool, and what to do
        }
        if let value = try await store.get("layer-7/block-42") {
            value.withBytes { (bytes: RawSpan) in use(bytes) }  // in place: nothing is copied
        }
        try await store.remove("layer-7/block-42")
    }
}
