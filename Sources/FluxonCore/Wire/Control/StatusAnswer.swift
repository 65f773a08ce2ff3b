/// What one process tells about itself, for `fluxon status`: figures in the order in which they are to be read.
package struct StatusAnswer: Hashable, Sendable {
    package struct Figure: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
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
    }

    package var sections: [Section]

    /// The figure that says what keeps a section's process from serving; `none`: nothing.
    package static let problemName = "problem"

    package init(sections: [Section]) { self.sections = sections }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        for section in sections {
            writer.message(field: 1) { nested in
                nested.string(section.title, field: 1)
                for figure in section.figures {
                    nested.message(field: 2) {
                        $0.string(figure.name, field: 1)
                        $0.string(figure.value, field: 2)
                    }
                }
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
            guard sections.count < Limits.statusFigures else { throw .tooMany(field: 1, limit: Limits.statusFigures) }
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
            case 2: figure.value = try reader.string(limit: Limits.attributeBytes)
            default: try reader.skip()
            }
        }
        return figure
    }
}
