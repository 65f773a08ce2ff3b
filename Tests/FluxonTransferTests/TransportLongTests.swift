import FluxonCore
import FluxonSystem
import Testing

@testable import FluxonTransfer

/// What takes long: very large values, and hundreds of reads that end in every way at once.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TransportLongTests {
    @Test("a value of 1 GiB arrives whole", arguments: TransportKind.allCases)
    func large(kind: TransportKind) async throws {
        let size = 1 << 30
        var limits = TransferLimits()
        limits.readPieceBytes = 4 << 20
        try await TransportStage.run(kind, limits: limits) { stage in
            let source = TestMemory(size, seed: 7)
            let memory = TestMemory(size, misalignment: 1)
            let range = 0..<UInt64(size)
            let address = try stage.address()
            try await stage.read(try stage.issue(source), range: range, into: memory, at: address, deadline: .seconds(240)).get()
            #expect(memory.matches(source, count: size))
            #expect(memory.guardsAreIntact)
        }
    }

    @Test("whatever breaks or is cancelled, what succeeds is whole and every source is let go", arguments: TransportKind.allCases)
    func mixed(kind: TransportKind) async throws {
        var limits = TransferLimits()
        limits.stall = .milliseconds(300)
        try await TransportStage.run(kind, limits: limits) { stage in
            let faults: [StageFault?] = [
                nil, nil, nil, .killed(afterBytes: 300_000), .silent(afterBytes: 100_000), .damaged(chunk: 1), .unreachable,
            ]
            let addresses = try faults.map { try stage.address($0) }
            var succeeded = 0
            for round in 0..<20 {
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for index in 0..<35 {
                        let size = [0, 1, 5_000, 65_536, 200_000, 1_000_000, 3_000_000].randomElement() ?? 0
                        let cancelAfter: Duration? = index % 5 == 4 ? .microseconds(Int.random(in: 0...20_000)) : nil
                        let address = addresses[(index + round) % addresses.count]
                        group.addTask { try await stage.readMaybe(size, at: address, cancelAfter: cancelAfter) }
                    }
                    for try await arrived in group where arrived { succeeded += 1 }
                }
            }
            #expect(succeeded > 100)
        }
    }
}

extension TransportStage {
    /// Reads `size` bytes into memory of its own.
    ///
    /// - Returns: Whether all arrived.
    fileprivate func readMaybe(_ size: Int, at address: String, cancelAfter: Duration?) async throws -> Bool {
        let source = TestMemory(size, seed: .random(in: 0...1000))
        let memory = TestMemory(size, misalignment: size % 5)
        let ticket = try issue(source)
        let result = try await read(ticket, range: 0..<UInt64(size), into: memory, at: address, deadline: .seconds(20)) { [loop] read in
            guard let cancelAfter else { return }
            _ = loop.schedule(after: cancelAfter) { read.cancel() }
        }
        #expect(memory.guardsAreIntact)
        switch result {
        case .success:
            #expect(memory.matches(source, count: size))
            return true
        case .failure(let error):
            #expect(memory.matches(source, count: error.verified))
            revoke(ticket)  // one that never reached its source
            return false
        }
    }
}
