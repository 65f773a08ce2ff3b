extension String {
    /// The text as it fits `byteCount` bytes of UTF-8: as it is, or cut between characters with an ellipsis where it ends.
    package func limited(to byteCount: Int) -> String {
        guard utf8.count > byteCount else { return self }
        let ellipsis = byteCount >= Self.ellipsis.utf8.count ? Self.ellipsis : ""
        var kept = ""
        var used = ellipsis.utf8.count
        for character in self {
            used += character.utf8.count
            guard used <= byteCount else { break }
            kept.append(character)
        }
        return kept + ellipsis
    }

    private static let ellipsis = "…"

    /// `items` in one line of at most `byteCount` bytes; what has no room is counted: `a, b and 300 more`.
    package static func list(_ items: [String], limit byteCount: Int) -> String {
        let whole = items.joined(separator: ", ")
        guard whole.utf8.count > byteCount else { return whole }
        var kept = ""
        for (index, item) in items.enumerated() {
            let longer = kept.isEmpty ? item : "\(kept), \(item)"
            guard "\(longer) and \(items.count - index - 1) more".utf8.count <= byteCount else {
                return kept.isEmpty ? whole.limited(to: byteCount) : "\(kept) and \(items.count - index) more"
            }
            kept = longer
        }
        return kept
    }
}
