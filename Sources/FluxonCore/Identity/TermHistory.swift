/// How much of a cluster's history somebody has seen: the roster as it stood after so many writes of one term (decision 0040).
package struct HistoryMark: Hashable, Sendable, Comparable {
    package var term: UInt64
    /// Roster entries that this term had written.
    package var writes: UInt64
    /// Owners that the roster counted as `in` then.
    package var owners: UInt64

    package init(term: UInt64, writes: UInt64, owners: UInt64) {
        self.term = term
        self.writes = writes
        self.owners = owners
    }

    package static func < (left: HistoryMark, right: HistoryMark) -> Bool { (left.term, left.writes) < (right.term, right.writes) }
}

/// The terms that a cluster's etcd knows of, oldest first, each with the number of its roster writes: what tells an etcd that was wiped
/// or restored from the one whose terms an owner has seen (decision 0040). It stands under one key, written by the transaction that
/// elects and by each that writes the roster. Rules only.
///
/// A term is a count above and `randomBits` of chance below: terms grow along one history, and two histories give one number with a
/// chance of 2⁻²⁰ for each election that both held at the same count.
package struct TermHistory: Hashable, Sendable {
    package struct Term: Hashable, Sendable {
        package let number: UInt64
        package var writes: UInt64

        package init(number: UInt64, writes: UInt64 = 0) {
            self.number = number
            self.writes = writes
        }
    }

    package static let randomBits: UInt64 = 20
    /// So that counting on cannot overflow.
    private static let largestTerm: UInt64 = 1 << 62

    package private(set) var terms: [Term]
    /// Older terms were forgotten.
    package private(set) var isCut: Bool

    package init(terms: [Term] = [], isCut: Bool = false) {
        self.terms = Array(terms.suffix(Limits.termHistory))
        self.isCut = isCut || terms.count > Limits.termHistory
    }

    package var latest: UInt64 { terms.last?.number ?? 0 }

    /// The number of the next term.
    ///
    /// - Parameters:
    ///   - floor: A number that it must exceed besides: an etcd that an older Fluxon wrote to knows terms that it does not name here.
    ///   - random: Chance; its low bits are used.
    package func next(above floor: UInt64, random: UInt64) -> UInt64 {
        let count = min(max(latest, floor), Self.largestTerm) >> Self.randomBits + 1
        return count << Self.randomBits | random & (1 << Self.randomBits - 1)
    }

    package mutating func append(_ term: UInt64) { self = TermHistory(terms: terms + [Term(number: term)], isCut: isCut) }

    /// A term has written one more roster entry.
    package mutating func wrote(in term: UInt64) {
        guard let index = terms.lastIndex(where: { $0.number == term }) else { return }
        terms[index].writes += 1
    }

    package func writes(in term: UInt64) -> UInt64? { terms.last { $0.number == term }?.writes }

    /// Whether a term belongs to this history. Those before the first one that it remembers are taken for such.
    package func knows(_ term: UInt64) -> Bool {
        term == 0 || writes(in: term) != nil || isCut && term < (terms.first?.number ?? 0)
    }

    package func knows(_ mark: HistoryMark) -> Bool {
        guard let writes = writes(in: mark.term) else { return knows(mark.term) }
        return mark.writes <= writes
    }

    /// Takes terms of a lost history for its own.
    package mutating func adopt(_ others: [Term]) {
        var all: [UInt64: UInt64] = [:]
        for term in terms + others { all[term.number] = max(all[term.number] ?? 0, term.writes) }
        self = TermHistory(terms: all.map { Term(number: $0, writes: $1) }.sorted { $0.number < $1.number }, isCut: isCut)
    }

    // MARK: Text

    package var text: String {
        let list = terms.map { "\($0.number):\($0.writes)" }.joined(separator: ",")
        return AttributeLine([("terms", list), ("cut", "\(isCut)")]).text
    }

    /// Nil when the text is no history.
    package init?(parsing text: String) {
        guard let line = AttributeLine(parsing: text), let list = line["terms"] else { return nil }
        var terms: [Term] = []
        for part in list.split(separator: ",") {
            let numbers = part.split(separator: ":").map { UInt64($0) }
            guard numbers.count == 2, let number = numbers[0], let writes = numbers[1], number > terms.last?.number ?? 0,
                number <= Self.largestTerm, writes < .max
            else { return nil }
            terms.append(Term(number: number, writes: writes))
        }
        self.init(terms: terms, isCut: line["cut"] == "true")
    }
}
