/// Some entries of a `KeyTable`, by number: a bit for each. Five million are 625 KB, and adding one never takes longer than copying that.
struct EntrySet: Sendable {
    private var words: [UInt64] = []

    func contains(_ number: UInt32) -> Bool {
        let place = Int(number / 64)
        return place < words.count && words[place] & bit(number) != 0
    }

    mutating func insert(_ number: UInt32) {
        let place = Int(number / 64)
        while words.count <= place { words.append(0) }
        words[place] |= bit(number)
    }

    private func bit(_ number: UInt32) -> UInt64 { 1 << UInt64(number % 64) }
}
