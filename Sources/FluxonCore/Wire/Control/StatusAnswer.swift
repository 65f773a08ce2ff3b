/// What one process tells about itself, for `fluxon status`: figures in the order in which they are to be read.
package struct StatusAnswer: Hashable, Sendable {
    package struct Figure: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }

        /// `names` in one line; those for which it has no room are counted.
        package init(_ name: String, list names: [String]) {
            self.init(name, names.isEmpty ? "none" : String.list(names, limit: Limits.statusValueBytes))
        }
    }

    /// One process; an owner's answer carries its master's section too, as far as the master can be reached.
    package struct Section: Hashable, Sendable {
        package var title: String
        package var figures: [Figure]

        package init(title: String, figures: [Figure]) {
            self.title = title
            self.figures = figures
        }

        /// As many as a receiver takes; the last one says how many are left out.
        fileprivate var limited: [Figure] {
            guard figures.count > Limits.statusFigures else { return figures }
            let kept = figures.prefix(Limits.statusFigures - 1)
            return kept + [Figure("figures_left_out", "\(figures.count - kept.count)")]
        }
    }

    package var sections: [Section]

    /// The figure that says what keeps a section's process from serving; `none`: nothing.
    package static let problemName = "problem"

    package init(sections: [Section]) { self.sections = sections }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.list(sections, limit: Limits.statusSections, field: 1) { section, nested in
            nested.string(section.title, limit: Limits.nameBytes, field: 1)
            nested.list(section.limited, limit: Limits.statusFigures, field: 2) { figure, nested in
                nested.string(figure.name, limit: Limits.nameBytes, field: 1)
                nested.string(figure.value, limit: Limits.statusValueBytes, field: 2)
            }
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init(sections: [])
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            guard field == 1 else {
                try reader.skip()
                continue
            }
            guard sections.count < Limits.statusSections else { throw .tooMany(field: 1, limit: Limits.statusSections) }
            var nested = try reader.message()
            sections.append(try Self.section(&nested))
        }
    }

    private static func section(_ reader: inout ProtobufReader) throws(ProtobufError) -> Section {
        var section = Section(title: "", figures: [])
        while let field = try reader.next() {
            switch field {
            case 1: section.title = try reader.string(limit: Limits.nameBytes)
            case 2:
                guard section.figures.count < Limits.statusFigures else { throw .tooMany(field: 2, limit: Limits.statusFigures) }
                var nested = try reader.message()
                section.figures.append(try figure(&nested))
            default: try reader.skip()
            }
        }
        return section
    }

    private static func figure(_ reader: inout ProtobufReader) throws(ProtobufError) -> Figure {
        var figure = Figure("", "")
        while let field = try reader.next() {
            switch field {
            case 1: figure.name = try reader.string(limit: Limits.nameBytes)
            case 2: figure.value = try reader.string(limit: Limits.statusValueBytes)
            default: try reader.skip()
            }
        }
        return figure
    }
}
