/// A part of the master's directory of owners, on `Master/Directory`: first all of it in pages, then every change in the same form.
///
///     begins ──▶ more pages of the list ──▶ ends        then, for each change: page ──▶ … ──▶ ends
///       └ also later, to an owner that did not read fast enough for the changes
package struct DirectoryPage: Hashable, Sendable {
    package var term: UInt64
    /// Counts the changes of the directory in this term; the receiver knows this state when it has the page that ends.
    package var revision: UInt64
    /// The whole list begins: what earlier pages named and this list does not is not among the owners any more.
    package var begins: Bool
    /// Whole with this page: the list, or a change that takes several.
    package var ends: Bool
    /// Owners that are new, or not what they were.
    package var owners: [MembersAnswer.Member]
    /// Owners that the roster has no more.
    package var gone: [InstanceKey]

    package init(
        term: UInt64, revision: UInt64, begins: Bool = false, ends: Bool = true, owners: [MembersAnswer.Member] = [],
        gone: [InstanceKey] = []
    ) {
        self.term = term
        self.revision = revision
        self.begins = begins
        self.ends = ends
        self.owners = owners
        self.gone = gone
    }

    /// The whole list, or a change of it, as pages that a receiver takes: one at least.
    package static func pages(
        term: UInt64, revision: UInt64, isWhole: Bool, owners: [MembersAnswer.Member], gone: [InstanceKey] = []
    ) -> [DirectoryPage] {
        let size = Limits.directoryPage
        let count = max(1, (max(owners.count, gone.count) + size - 1) / size)
        return (0..<count).map { index in
            DirectoryPage(
                term: term, revision: revision, begins: isWhole && index == 0, ends: index == count - 1,
                owners: Array(owners.dropFirst(index * size).prefix(size)), gone: Array(gone.dropFirst(index * size).prefix(size)))
        }
    }
}

extension DirectoryPage {
    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.unsigned(term, field: 1)
        writer.unsigned(revision, field: 2)
        writer.boolean(begins, field: 3)
        writer.boolean(ends, field: 4)
        writer.list(owners, limit: Limits.directoryPage, field: 5) { $0.encode(into: &$1) }
        for name in gone.prefix(Limits.directoryPage) { writer.string(name.name, limit: Limits.nameBytes, field: 6) }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init(term: 0, revision: 0, ends: false)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: term = try reader.unsigned()
            case 2: revision = try reader.unsigned()
            case 3: begins = try reader.boolean()
            case 4: ends = try reader.boolean()
            case 5:
                guard owners.count < Limits.directoryPage else { throw .tooMany(field: 5, limit: Limits.directoryPage) }
                owners.append(try reader.member())
            case 6:
                guard gone.count < Limits.directoryPage else { throw .tooMany(field: 6, limit: Limits.directoryPage) }
                gone.append(InstanceKey(try reader.string(limit: Limits.nameBytes)))
            default: try reader.skip()
            }
        }
        guard term != 0 else { throw .invalidField(1) }
    }
}
