import FluxonCore
import FluxonSystem
import Testing

@testable import FluxonTransfer

/// What every transport must do (see `Transport`), run over each of them.
@Suite(.timeLimit(.minutes(2))) struct TransportConformanceTests {
    static let sizes = [0, 1, 63, 64, 4095, 4096, 131_071, 131_072, 131_073, 1_048_577, 64 << 20]

    @Test("values of any size arrive whole, between intact guards", arguments: TransportKind.allCases, sizes)
    func wholeValues(kind: TransportKind, size: Int) async throws {
        try await TransportStage.run(kind) { stage in
            let source = TestMemory(size, seed: 7)
            let memory = TestMemory(size, misalignment: size % 7)
            try await stage.read(source, into: memory, at: try stage.address()).get()
            #expect(memory.matches(source, count: size))
            #expect(memory.guardsAreIntact)
            await stage.released(1)
        }
    }

    @Test("a part of a part: offsets are those of the value", arguments: TransportKind.allCases)
    func ranges(kind: TransportKind) async throws {
        try await TransportStage.run(kind) { stage in
            let source = TestMemory(1_000_000, seed: 9)
            for range: Range<UInt64> in [5_000..<5_001, 5_003..<400_007, 1_004_999..<1_005_000, 5_000..<5_000] {
                let memory = TestMemory(Int(range.byteCount), misalignment: 3)
                let ticket = try stage.issue(source, offset: 5_000)
                try await stage.read(ticket, range: range, into: memory, at: try stage.address()).get()
                #expect(memory.matches(source, at: Int(range.lowerBound) - 5_000, count: Int(range.byteCount)))
                #expect(memory.guardsAreIntact)
            }
        }
    }

    @Test("many at once do not mix", arguments: TransportKind.allCases)
    func concurrent(kind: TransportKind) async throws {
        try await TransportStage.run(kind) { stage in
            let address = try stage.address()
            let pairs = (0..<60).map { index in
                let size = [100, 70_000, 400_000][index % 3] + index
                return (source: TestMemory(size, seed: UInt64(index)), memory: TestMemory(size, misalignment: index % 9))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for pair in pairs {
                    group.addTask { try await stage.read(pair.source, into: pair.memory, at: address).get() }
                }
                try await group.waitForAll()
            }
            for pair in pairs {
                #expect(pair.memory.matches(pair.source, count: pair.source.bytes.count))
                #expect(pair.memory.guardsAreIntact)
            }
            await stage.released(pairs.count)
        }
    }

    @Test("a ticket is good for one read of what it was made for", arguments: TransportKind.allCases)
    func tickets(kind: TransportKind) async throws {
        try await TransportStage.run(kind) { stage in
            let source = TestMemory(1000, seed: 1)
            let memory = TestMemory(2000)
            let address = try stage.address()
            let ticket = try stage.issue(source)
            func outcome(
                _ ticket: Ticket, _ range: Range<UInt64> = 0..<1000, version: Version = TransportStage.version
            ) async throws -> TransferError.Reason? {
                switch try await stage.read(ticket, range: range, into: memory, at: address, version: version) {
                case .success: nil
                case .failure(let error): error.reason
                }
            }
            let foreign = try stage.issue(source, to: Asker(instance: InstanceKey("asker"), generation: Generation(2)))
            #expect(try await outcome(Ticket(high: ticket.high, low: ticket.low ^ 1)) == .gone)
            #expect(try await outcome(foreign) == .refused)
            #expect(try await outcome(ticket, version: Version(term: 3, sequence: 15)) == .refused)
            #expect(try await outcome(ticket, 0..<1001) == .refused)
            #expect(try await outcome(ticket) == nil, "refusals did not use it up")
            #expect(try await outcome(ticket) == .gone)
            let revoked = try stage.issue(source)
            stage.revoke(revoked)
            #expect(try await outcome(revoked) == .gone)
            stage.answer(.notYet)
            let early = try stage.issue(source)
            #expect(try await outcome(early) == .notYet)
        }
    }

    @Test("a source that dies in the middle ends the read with what was checked; the source unpins", arguments: TransportKind.allCases)
    func killed(kind: TransportKind) async throws {
        try await TransportStage.run(kind) { stage in
            let source = TestMemory(4 << 20, seed: 2)
            let memory = TestMemory(4 << 20)
            let result = try await stage.read(source, into: memory, at: try stage.address(.killed(afterBytes: 1_000_000)))
            let error = try #require(result.failure)
            guard case .connectionLost = error.reason else { throw error }
            // Pieces that an RDMA device was asked for still come while the source dies.
            #expect(error.verified <= (kind == .rdma ? 3 << 20 : 1_000_000 + stage.limits.chunkBytes))
            #expect(error.verified % stage.limits.chunkBytes == 0)
            #expect(error.verified > 0)
            #expect(memory.matches(source, count: error.verified))
            #expect(error.blamesThePath)
            await stage.released(1)
        }
    }

    // An RDMA device checks every packet by itself, and nothing of ours lies between two.
    @Test("a damaged chunk is found, and what came before it is good", arguments: TransportKind.allCases.filter { $0 != .rdma })
    func damaged(kind: TransportKind) async throws {
        try await TransportStage.run(kind) { stage in
            let source = TestMemory(1 << 20, seed: 3)
            let memory = TestMemory(1 << 20)
            let error = try #require(try await stage.read(source, into: memory, at: try stage.address(.damaged(chunk: 3))).failure)
            if kind == .tls {
                // TLS finds it first, in a record that may begin in the chunk before.
                guard case .connectionLost = error.reason else { throw error }
                #expect((2...3).contains(error.verified / stage.limits.chunkBytes))
            } else {
                guard case .corrupted(chunk: 3, _, _) = error.reason else { throw error }
                #expect(error.verified == 3 * stage.limits.chunkBytes)
            }
            #expect(memory.matches(source, count: error.verified))
            await stage.released(1)
        }
    }

    @Test(
        "cancelled in the middle: the path closes, the source unpins, the destination is free at the completion",
        arguments: TransportKind.allCases)
    func cancelled(kind: TransportKind) async throws {
        try await TransportStage.run(kind) { stage in
            let source = TestMemory(8 << 20, seed: 4)
            let memory = TestMemory(8 << 20)
            let ticket = try stage.issue(source)
            let result = try await stage.read(
                ticket, range: 0..<8 << 20, into: memory, at: try stage.address(.silent(afterBytes: 600_000))
            ) { read in
                _ = stage.loop.schedule(after: .milliseconds(20)) { read.cancel() }
            }
            #expect(result.failure?.reason == .cancelled)
            memory.fill(0x11)
            await stage.released(1)
            #expect(memory.bytes.allSatisfy { $0 == 0x11 })
        }
    }

    @Test("cancelled at once, also while it waits for a connection", arguments: TransportKind.allCases)
    func cancelledAtOnce(kind: TransportKind) async throws {
        var limits = TransferLimits()
        limits.connectionsPerPeer = 1
        try await TransportStage.run(kind, limits: limits) { stage in
            let address = try stage.address()
            let source = TestMemory(1 << 20, seed: 5)
            try await withThrowingTaskGroup(of: TransferError.Reason?.self) { group in
                for index in 0..<3 {
                    group.addTask {
                        try await stage.readOrCancel(source, isCancelled: index > 0, at: address).failure?.reason
                    }
                }
                var cancelled = 0
                for try await reason in group where reason != nil {
                    #expect(reason == .cancelled)
                    cancelled += 1
                }
                #expect(cancelled == 2)
            }
        }
    }

    @Test("a source that goes silent ends the read as stalled, or at its deadline if that is sooner", arguments: TransportKind.allCases)
    func silent(kind: TransportKind) async throws {
        var limits = TransferLimits()
        limits.stall = .milliseconds(150)
        try await TransportStage.run(kind, limits: limits) { stage in
            let source = TestMemory(4 << 20, seed: 6)
            let memory = TestMemory(4 << 20)
            let address = try stage.address(.silent(afterBytes: 600_000))
            let stalled = try #require(try await stage.read(source, into: memory, at: address).failure)
            guard case .stalled = stalled.reason else { throw stalled }
            #expect(memory.matches(source, count: stalled.verified))
            let result = try await stage.read(
                try stage.issue(source), range: 0..<4 << 20, into: memory, at: try stage.address(.silent(afterBytes: 600_000)),
                deadline: .milliseconds(50))
            #expect(result.failure?.reason == .deadlineExceeded)
            await stage.released(2)
        }
    }

    @Test("nobody there, the wrong cluster, a small destination, a closed transport: each by its name", arguments: TransportKind.allCases)
    func refusals(kind: TransportKind) async throws {
        let source = TestMemory(1000, seed: 7)
        let memory = TestMemory(1000)
        try await TransportStage.run(kind, asCluster: "other") { stage in
            let address = try stage.address()
            #expect(try await stage.read(source, into: memory, at: address).failure?.reason == .clusterMismatch)
        }
        try await TransportStage.run(kind) { stage in
            let unreachable = try #require(try await stage.read(source, into: memory, at: try stage.address(.unreachable)).failure)
            guard case .connectFailed = unreachable.reason else { throw unreachable }
            let small = try await stage.read(source, into: TestMemory(999), at: try stage.address())
            #expect(small.failure?.reason == .destinationTooSmall(bytes: 999, needed: 1000))
            stage.closeTransport()
            let address = try stage.address()
            #expect(try await stage.read(source, into: memory, at: address).failure?.reason == .closed)
        }
    }
}

extension TransportStage {
    fileprivate func readOrCancel(_ source: TestMemory, isCancelled: Bool, at address: String) async throws -> Result<Void, TransferError> {
        let ticket = try issue(source)
        return try await read(ticket, range: 0..<UInt64(source.bytes.count), into: TestMemory(source.bytes.count), at: address) { read in
            if isCancelled { read.cancel() }
        }
    }
}

extension Result where Success == Void {
    var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
