import Fluxon
import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc

extension Hour {
    static let shortProcesses = Hour("short-processes", "processes that come for a moment are served, and leave nothing behind") { day in
        let before = day.life.shortProcesses
        // The first ones warm everything up.
        await day.live(for: .seconds(2))
        let footprint = try Footprint(of: day.cluster)
        await day.live(for: .seconds(10))
        for growth in try Footprint(of: day.cluster).growth(since: footprint) { day.complain(growth) }
        day.expect(day.life.shortProcesses - before >= 120, "only \(day.life.shortProcesses - before) short processes in 12 s")
        await day.live(until: { try day.attached() <= 24 }, within: .seconds(10)) {
            "owners know of those who are there, not of more: \((try? day.attached()) ?? 0)"
        }
    }

    static let keysAndValues = Hour(
        "keys-and-values", "keys of 1 to 1024 bytes and values of 0 bytes to tens of MiB are what they were on the other side"
    ) { day in
        let stores = [try await Store.connect(to: day.cluster.ownerSocket(0)), try await Store.connect(to: day.cluster.externalSocket(1))]
        defer { for store in stores { store.close() } }
        for (place, length) in [1, 2, 72, 73, 256, 1024].enumerated() {
            for count in place % 2 == 0 ? [0, 65_537] : [1, 4096] { try await day.carry(Day.key(length), count: count, stores) }
        }
        for count in [(1 << 20) + 1, 24 << 20] { try await day.carry(Day.key(40), count: count, stores) }
        for wrong in [[], [UInt8](repeating: 1, count: 1025)] {
            do throws(FluxonError) {
                try await stores[0].put(wrong, "x")
                day.complain("a key of \(wrong.count) bytes was taken")
            } catch { day.expect(error.code == .invalidArgument, "a key of \(wrong.count) bytes: \(error)") }
        }
    }
}

extension Day {
    /// Zeros first, which no other key of a day begins with.
    fileprivate static func key(_ length: Int) -> [UInt8] { (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37) } }

    /// Put here, got there, and gone.
    fileprivate func carry(_ key: [UInt8], count: Int, _ stores: [Store]) async throws {
        // Pieces of a prime's length, so that none of them fits elsewhere; byte by byte large values would take seconds.
        let piece = (0..<4093).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 5 &+ key.count) }
        var bytes = [UInt8]()
        while bytes.count < count { bytes += piece.prefix(count - bytes.count) }
        try await stores[0].put(key, bytes)
        let found = try await stores[1].get(key)
        let copied = try found?.copyBytes()
        expect(copied == bytes, "a key of \(key.count) bytes, a value of \(count): \(copied?.count ?? -1) bytes came, or others")
        let (size, isRemoved, rest) = (try await stores[1].size(key), try await stores[1].remove(key), try await stores[0].get(key))
        expect(
            size == count && isRemoved && rest == nil,
            "a key of \(key.count) bytes: size \(size ?? -1), removed \(isRemoved), then \(rest?.count ?? -1)")
        life.pump()
    }

    /// Processes that the owners think are attached, both together.
    fileprivate func attached() throws -> UInt64 {
        try cluster.owners.indices.reduce(0) { sum, index in
            sum + (try fluxon("status", "--json", at: index).json["owner owner-\(index + 1)"]?["processes"]?.unsignedInteger ?? 0)
        }
    }
}
