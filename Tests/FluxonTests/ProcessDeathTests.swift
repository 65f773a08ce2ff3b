import Fluxon
import FluxonCore
import FluxonLocalSupport
import FluxonOwner
import FluxonPool
import Glibc
import Testing

@Suite(.timeLimit(.minutes(2))) struct ProcessDeathTests {
    @Test("a killed process's pins and unsent extents are back at once; what it committed stays")
    func killed() async throws {
        let owner = try await LocalOwner(capacityBytes: 8 << 20)
        let probe = try await ProbeProcess.start([owner.path, "put:a:100000:1", "hold:a", "fill:b:200000"], until: "filling")
        let store = try await Store.connect(to: owner.path)
        try await store.put("a", "another")
        // The held version is retired and pinned; the extent of "b" is granted and not committed.
        let before = try await owner.inside { parts in
            parts.pool.collect()
            return (retired: parts.pool.retiredCount, granted: parts.service.summary.grantedBytes)
        }
        #expect(before.retired == 1)
        #expect(before.granted >= 200_000)
        try probe.signal(SIGKILL)
        try await owner.until { $0.service.summary.processes == 1 }
        let after = try await owner.inside { parts in
            (
                retired: parts.pool.retiredCount, attached: parts.pool.statistics.attachedProcesses,
                found: parts.pool.find(try Key("a")) != nil
            )
        }
        #expect(after.retired == 0)
        #expect(after.attached == 1)
        #expect(after.found)
        #expect(try await store.get("b") == nil)
    }

    @Test("a stopped process keeps what it has")
    func stopped() async throws {
        let owner = try await LocalOwner(capacityBytes: 8 << 20)
        let probe = try await ProbeProcess.start([owner.path, "put:a:100000:1", "hold:a"])
        let store = try await Store.connect(to: owner.path)
        try probe.signal(SIGSTOP)
        try await store.put("a", "another")
        for round in 0..<200 { try await store.put("other", [UInt8](repeating: UInt8(round), count: 50_000)) }
        let state = try await owner.inside { parts in
            parts.pool.collect()
            return (retired: parts.pool.retiredCount, processes: parts.service.summary.processes)
        }
        #expect(state.retired == 1)
        #expect(state.processes == 2)
        try probe.signal(SIGCONT)
        try probe.signal(SIGKILL)
        try await owner.until { $0.service.summary.processes == 1 && $0.pool.retiredCount == 0 }
    }

    @Test("a commit that was sent goes on after its process was killed")
    func sentCommit() async throws {
        let owner = try await LocalOwner()
        try await owner.inside { $0.backend.isHeld = true }
        // The probe waits for the outcome of this put forever.
        let probe = try await ProbeProcess.start([owner.path, "say:begun", "put:a:1000:7"], until: "say:begun")
        try await owner.until { $0.backend.heldCount == 1 }
        try probe.signal(SIGKILL)
        try await owner.until { $0.service.summary.processes == 0 }
        try await owner.inside { $0.backend.isHeld = false }
        let store = try await Store.connect(to: owner.path)
        #expect(try await store.get("a")?.copyBytes() == [UInt8](repeating: 7, count: 1000))
    }

    @Test("a forked child's store and values are inert, and its parent's go on")
    func forked() async throws {
        let owner = try await LocalOwner()
        _ = try await ProbeProcess.start([owner.path, "put:a:5000:1", "fork:a"])
    }
}
