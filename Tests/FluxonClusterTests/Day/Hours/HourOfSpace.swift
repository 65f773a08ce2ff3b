import Fluxon
import FluxonCore
import FluxonSystem
import FluxonWorkload

extension Hour {
    static let fullPool = Hour(
        "full-pool", "a pool fills up: puts go on by evicting, or say what fills it, and after a removal there is room"
    ) { day in
        let store = try await Store.connect(to: day.cluster.ownerSocket(0))
        defer { store.close() }
        let (start, before) = (HistoryClock.now, try day.evictions())
        let bytes = [UInt8](repeating: 5, count: 4 << 20)
        let places = Day.poolBytes / bytes.count
        var (kept, refusals) = (0, [FluxonError]())
        for number in 0..<places * 5 / 4 {
            do throws(FluxonError) {
                try await store.put("fill/\(number)", bytes)
                kept += 1
            } catch { refusals.append(error) }
            await day.live(for: .milliseconds(20))
        }
        // As many as there is room for, whatever else is there.
        day.expect(kept > places / 2, "only \(kept) values of 4 MiB were taken, where \(places) fit")
        for error in refusals where error.code != .poolExhausted { day.complain("a full pool is no \(error)") }
        do { try await store.put("fill/small", "xy") } catch { day.complain("a small value beside large ones: \(error)") }
        // What was evicted to make room may have been anybody's.
        if try day.evictions() > before { day.recordLossOfAll(since: start) }
        let removed = try day.fluxon("kv", "rm", "--prefix", "fill/", "--timeout", "20s")
        day.expect(removed.ending == .exited(code: 0), "kv rm --prefix: \(removed.output)")
        day.expect(try day.fluxon("kv", "ls", "fill/").output.isEmpty, "kv ls shows what was removed")
        try await store.put("fill/large", [UInt8](repeating: 1, count: 16 << 20))
        day.expect(try await store.remove("fill/large"), "a value was not there")
    }
}

extension Day {
    /// Values that made room for others, and keys that went with their last copy.
    fileprivate func evictions() throws -> UInt64 {
        try cluster.owners.indices.reduce(0) { sum, index in
            let status = try fluxon("status", "--json", at: index).json
            guard case .object(let sections) = status else { return sum }
            return sum
                + sections.reduce(0) { $0 + ($1.value["evictions"]?.unsignedInteger ?? 0) + ($1.value["removals"]?.unsignedInteger ?? 0) }
        }
    }
}
