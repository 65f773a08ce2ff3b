/// Named values on one line, `name=value name=value`, as metadata are written to etcd: for programs, and for a person with `etcdctl`.
/// A value is free of spaces and line breaks; names and values are at most `Limits.attributeBytes` bytes together.
package struct AttributeLine: Hashable, Sendable {
    private var values: [String: String] = [:]
    private var names: [String] = []

    /// Of a name that is there twice the first value holds.
    package init(_ pairs: [(name: String, value: String)]) {
        for pair in pairs where values[pair.name] == nil {
            names.append(pair.name)
            values[pair.name] = pair.value
        }
    }

    /// Reads what `text` writes. Nil when a word has no `=` or the line is too long: somebody else's data.
    package init?(parsing text: String) {
        guard text.utf8.count <= Limits.attributeBytes else { return nil }
        var pairs: [(name: String, value: String)] = []
        for word in text.split(separator: " ") {
            guard let separator = word.firstIndex(of: "=") else { return nil }
            pairs.append((String(word[..<separator]), String(word[word.index(after: separator)...])))
        }
        self.init(pairs)
    }

    package var text: String { names.map { "\($0)=\(values[$0] ?? "")" }.joined(separator: " ") }
    package subscript(name: String) -> String? { values[name] }
}
