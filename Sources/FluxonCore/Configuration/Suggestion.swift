/// "Did you mean": the known word nearest to a misspelt one.
package enum Suggestion {
    /// The word of `known` with the fewest edits from `word`, if they are few against its length; ties go to the earlier one.
    package static func nearest(to word: String, among known: [String]) -> String? {
        let allowed = max(1, word.count / 3)
        var best: (word: String, distance: Int)?
        for candidate in known {
            let distance = editDistance(Array(word.lowercased()), Array(candidate.lowercased()))
            if distance <= allowed, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.word
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn `left` into `right`.
    private static func editDistance(_ left: [Character], _ right: [Character]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, a) in left.enumerated() {
            var current = [row + 1]
            for (column, b) in right.enumerated() {
                var cost = min(last[column] + (a == b ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, a == right[column - 1], left[row - 1] == b { cost = min(cost, beforeLast[column - 1] + 1) }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
