/// Runs of pages, or of bytes, ascending; adjacent ones are one.
struct SpanSet: Sendable, Equatable {
    private(set) var ranges: [Range<Int>] = []
    private(set) var count = 0

    var isEmpty: Bool { ranges.isEmpty }

    /// Adds a run, nothing of which is in it. O(runs).
    mutating func insert(_ range: Range<Int>) {
        var index = firstIndex(endingAfter: range.lowerBound)
        var merged = range
        if index > 0, ranges[index - 1].upperBound == range.lowerBound {
            index -= 1
            merged = ranges[index].lowerBound..<merged.upperBound
            ranges.remove(at: index)
        }
        if index < ranges.count, ranges[index].lowerBound == range.upperBound {
            merged = merged.lowerBound..<ranges[index].upperBound
            ranges.remove(at: index)
        }
        ranges.insert(merged, at: index)
        count += range.count
    }

    /// Takes out what of `range` is in it. O(runs).
    mutating func remove(_ range: Range<Int>) {
        var index = firstIndex(endingAfter: range.lowerBound)
        while index < ranges.count, ranges[index].lowerBound < range.upperBound {
            let held = ranges[index]
            let cut = held.clamped(to: range)
            let rest = [held.lowerBound..<cut.lowerBound, cut.upperBound..<held.upperBound].filter { !$0.isEmpty }
            ranges.replaceSubrange(index...index, with: rest)
            count -= cut.count
            index += rest.count
        }
    }

    /// Whether all of `range` is in it. O(log runs).
    func contains(_ range: Range<Int>) -> Bool {
        let index = firstIndex(endingAfter: range.lowerBound)
        return index < ranges.count && ranges[index].lowerBound <= range.lowerBound && range.upperBound <= ranges[index].upperBound
    }

    /// What of `range` is not in it. O(log runs + runs within).
    func missing(in range: Range<Int>) -> [Range<Int>] {
        var missing: [Range<Int>] = []
        var start = range.lowerBound
        var index = firstIndex(endingAfter: start)
        while index < ranges.count, ranges[index].lowerBound < range.upperBound {
            if start < ranges[index].lowerBound { missing.append(start..<ranges[index].lowerBound) }
            start = ranges[index].upperBound
            index += 1
        }
        if start < range.upperBound { missing.append(start..<range.upperBound) }
        return missing
    }

    /// The first run that ends behind `page`.
    private func firstIndex(endingAfter page: Int) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound <= page { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
