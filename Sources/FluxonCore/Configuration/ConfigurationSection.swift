import Yams

/// What was found wrong so far, shared by all sections of one file.
final class ConfigurationProblems {
    var list: [ConfigurationProblem] = []
}

/// One mapping of a configuration file. Each key is asked for once; `finish()` reports those that nobody asked for.
///
/// Every `read` returns nil both for a key that is absent and for one that is wrong; the problem is then in `problems`.
struct ConfigurationSection {
    /// The section's own key with a dot behind it, empty at the top.
    let prefix: String
    let line: Int?
    let problems: ConfigurationProblems
    private let entries: [(key: String, line: Int?, node: Node)]
    private var known: [String] = []

    /// The top of a file. Nil when `text` is not a YAML mapping; `problems` then says why.
    init?(yaml text: String, problems: ConfigurationProblems) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            problems.list.append(error.problem)
            return nil
        } catch {
            problems.list.append(ConfigurationProblem(path: "file", rule: "must be YAML (\(error))"))
            return nil
        }
        self.init(prefix: "", node: root ?? Node([(Node, Node)]()), problems: problems)
    }

    private init?(prefix: String, node: Node, problems: ConfigurationProblems) {
        guard let mapping = node.mapping else {
            let path = prefix.isEmpty ? "file" : String(prefix.dropLast())
            problems.list.append(
                ConfigurationProblem(
                    line: node.mark?.line, path: path, value: node.shown, rule: "must be a mapping of keys to values",
                    example: "cluster_name: demo"))
            return nil
        }
        self.prefix = prefix
        self.line = node.mark?.line
        self.problems = problems
        entries = mapping.map { ($0.key.scalar?.string ?? $0.key.shown, $0.key.mark?.line, $0.value) }
    }

    /// True when the file has `key` with a value.
    func has(_ key: String) -> Bool { node(key) != nil }

    /// The scalar at `key`, turned into what `convert` makes of it. `rule` and `example` say what it accepts.
    mutating func read<T>(_ key: String, rule: String, example: String, convert: (String) -> T?) -> T? {
        known.append(key)
        guard let node = node(key) else { return nil }
        return value(of: node, path: prefix + key, rule: rule, example: example, convert: convert)
    }

    /// As `read`, and absence is a problem.
    mutating func require<T>(_ key: String, rule: String, example: String, convert: (String) -> T?) -> T? {
        guard has(key) else {
            known.append(key)
            missing(key, rule: rule, example: example)
            return nil
        }
        return read(key, rule: rule, example: example, convert: convert)
    }

    /// The list at `key`, every element converted; a single scalar counts as a list of one.
    mutating func readList<T>(_ key: String, rule: String, example: String, convert: (String) -> T?) -> [T]? {
        known.append(key)
        guard let node = node(key) else { return nil }
        guard let elements = node.sequence else {
            return value(of: node, path: prefix + key, rule: rule, example: "[\(example)]", convert: convert).map { [$0] }
        }
        guard !elements.isEmpty else {
            report(node, path: prefix + key, rule: "must name at least one", example: "[\(example)]")
            return nil
        }
        let values = elements.enumerated().map { index, element in
            value(of: element, path: "\(prefix)\(key)[\(index)]", rule: rule, example: example, convert: convert)
        }
        return values.contains { $0 == nil } ? nil : values.compactMap { $0 }
    }

    /// The section at `key`, nil when absent or not a mapping. `key:` with nothing behind it is a section without keys: somebody wanted
    /// one, and to take `tls:` for absent would leave everything unencrypted in silence.
    mutating func section(_ key: String) -> ConfigurationSection? {
        known.append(key)
        guard var node = entries.first(where: { $0.key == key })?.node else { return nil }
        if node.isNothing { node = Node([(Node, Node)]()) }
        return ConfigurationSection(prefix: "\(prefix)\(key).", node: node, problems: problems)
    }

    /// True when `key` holds a mapping: some keys take a scalar or a section.
    func isSection(_ key: String) -> Bool { node(key)?.mapping != nil }

    /// A problem with the value at `key` that only its neighbours show.
    func report(_ key: String, rule: String, example: String? = nil) {
        problems.list.append(
            ConfigurationProblem(line: node(key)?.mark?.line, path: prefix + key, value: node(key)?.shown, rule: rule, example: example))
    }

    func missing(_ key: String, rule: String, example: String) {
        problems.list.append(ConfigurationProblem(line: line, path: prefix + key, rule: "missing; \(rule)", example: "\(key): \(example)"))
    }

    /// Reports every key that nobody asked for, with the nearest known one, or with what `elsewhere` says about it.
    func finish(elsewhere: [String: String] = [:]) {
        for entry in entries where !known.contains(entry.key) {
            let rule: String
            if let reason = elsewhere[entry.key] {
                rule = reason
            } else if let nearest = Suggestion.nearest(to: entry.key, among: known) {
                rule = "unknown key; did you mean \(nearest)?"
            } else {
                rule = "unknown key; known here: \(known.sorted().joined(separator: ", "))"
            }
            problems.list.append(ConfigurationProblem(line: entry.line, path: prefix + entry.key, rule: rule))
        }
    }

    /// The node at `key`; `key:` with nothing behind it counts as absent.
    private func node(_ key: String) -> Node? {
        guard let node = entries.first(where: { $0.key == key })?.node, !node.isNothing else { return nil }
        return node
    }

    private func value<T>(of node: Node, path: String, rule: String, example: String, convert: (String) -> T?) -> T? {
        guard let text = node.scalar?.string, let value = convert(text) else {
            report(node, path: path, rule: rule, example: example)
            return nil
        }
        return value
    }

    private func report(_ node: Node, path: String, rule: String, example: String) {
        problems.list.append(ConfigurationProblem(line: node.mark?.line, path: path, value: node.shown, rule: rule, example: example))
    }
}

extension Node {
    /// YAML's null in one of its plain spellings, as opposed to a quoted empty string.
    fileprivate var isNothing: Bool {
        guard let scalar, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// The value as a message shows it, cut where it is long.
    fileprivate var shown: String {
        switch self {
        case .scalar(let scalar): scalar.string.count > 80 ? "\"\(scalar.string.prefix(80))…\"" : "\"\(scalar.string)\""
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }
}

extension YamlError {
    fileprivate var problem: ConfigurationProblem {
        switch self {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            ConfigurationProblem(line: mark.line, path: "file", rule: "is not valid YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            ConfigurationProblem(
                line: context.mark.line, path: duplicates.joined(separator: ", "), rule: "stands twice in one mapping; keep one")
        default:
            ConfigurationProblem(path: "file", rule: "is not valid YAML: \(self)")
        }
    }
}
