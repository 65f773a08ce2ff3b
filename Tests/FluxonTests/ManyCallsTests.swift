import Fluxon
import FluxonCore
import FluxonLocalSupport
import FluxonOwner
import FluxonPool
import Testing

/// Limits of one message between a process and its owner are met by neither.
@Suite(.timeLimit(.minutes(2))) struct ManyCallsTests {
    @Test("more small calls in one turn than a message may hold go in several, on one connection")
    func calls() async throws {
        let owner = try await LocalOwner()
        let store = try await Store.connect(to: owner.path)
        let count = 3 * Limits.localFrameElements
        let found = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<count { group.addTask { try await store.exists("absent-\(number)") } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(found == 0)
        #expect(try await owner.inside { $0.service.summary.processes } == 1)
        store.close()
    }

    @Test("outcomes whose acknowledgement went with a connection that broke are told on the next one")
    func outcomes() async throws {
        let owner = try await LocalOwner()
        let store = try await Store.connect(to: owner.path)
        for round in 0..<5 {
            for number in 0..<5 { try await store.put("key-\(number)", "\(round)") }
            try await owner.inside { $0.service.dropConnections() }
        }
        try await store.put("last", "1")
        try await store.put("last", "2")
        // The outcome of the last put alone may be unacknowledged.
        #expect(try await owner.inside { $0.service.summary.outcomesKept } <= 1)
        store.close()
    }
}
