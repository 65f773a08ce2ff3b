/// One thing that is wrong with a configuration: where, what is there, the rule, and a line that would do.
package struct ConfigurationProblem: Hashable, Sendable {
    /// Line of the file, from 1; nil for what is missing.
    package var line: Int?
    /// The key with the sections around it, as written in the file: `tls.certificate`, `etcd_endpoints[1]`.
    package var path: String
    /// The offending value, nil when there is none.
    package var value: String?
    /// What holds here, as a sentence without its subject: `must be …`.
    package var rule: String
    /// A line or value that works, nil where the rule says it all.
    package var example: String?

    package init(line: Int? = nil, path: String, value: String? = nil, rule: String, example: String? = nil) {
        self.line = line
        self.path = path
        self.value = value
        self.rule = rule
        self.example = example
    }
}

extension ConfigurationProblem: CustomStringConvertible {
    package var description: String {
        var text = line.map { "line \($0): " } ?? ""
        text += path
        if let value { text += " = \(value)" }
        text += ": \(rule)"
        if let example { text += ", e.g. \(example)" }
        return text
    }
}

/// Everything that is wrong with one configuration file, so that it can be put right in one go.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    package let file: String
    package let problems: [ConfigurationProblem]

    package init(file: String, problems: [ConfigurationProblem]) {
        self.file = file
        self.problems = problems
    }

    package var description: String {
        let count = problems.count == 1 ? "1 problem" : "\(problems.count) problems"
        return (["\(file): \(count)"] + problems.map { "  \($0)" }).joined(separator: "\n")
    }
}
