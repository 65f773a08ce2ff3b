import Fluxon

/// As many keys as one likes, put with many calls in flight.
enum ManyKeys {
    static let lanes = 64

    static func put(_ numbers: Range<Int>, _ store: Store, bytes: Int) async throws {
        try await each(of: numbers) { number in
            try await store.put(name(number), [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: bytes))
        }
    }

    static func remove(_ numbers: Range<Int>, _ store: Store) async throws {
        try await each(of: numbers) { try await store.remove(name($0)) }
    }

    /// 24 bytes each.
    static func name(_ number: Int) -> String {
        let digits = String(number)
        return "fluxon-benchmark/" + String(repeating: "0", count: max(0, 7 - digits.count)) + digits
    }

    private static func each(of numbers: Range<Int>, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<min(lanes, numbers.count) {
                group.addTask {
                    for number in stride(from: numbers.lowerBound + lane, to: numbers.upperBound, by: lanes) { try await body(number) }
                }
            }
            try await group.waitForAll()
        }
    }
}
