/// Metrics in Prometheus' text exposition format, version 0.0.4: a family after the other, each with its help, type and samples.
package struct PrometheusText: Sendable {
    package enum Kind: String, Sendable {
        /// Only grows while its process lives; the name ends in `_total`.
        case counter
        case gauge
    }

    package struct Family: Sendable {
        package let name: String
        package let kind: Kind
        package let help: String

        package init(_ name: String, _ kind: Kind, _ help: String) {
            self.name = name
            self.kind = kind
            self.help = help
        }
    }

    private var families: [Family] = []
    private var samples: [String: [String]] = [:]

    package init() {}

    /// - Parameter labels: In the order in which they are written. Never a key or a peer: their number has no bound that a metrics store
    ///   could live with.
    package mutating func add(_ family: Family, _ labels: [(name: String, value: String)], _ value: UInt64) {
        add(family, labels, "\(value)")
    }

    /// The same in seconds, which is what Prometheus wants of every duration.
    package mutating func add(_ family: Family, _ labels: [(name: String, value: String)], milliseconds: UInt64) {
        let thousandths = "\(milliseconds % 1000)"
        add(family, labels, "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - thousandths.count))\(thousandths)")
    }

    private mutating func add(_ family: Family, _ labels: [(name: String, value: String)], _ value: String) {
        if samples[family.name] == nil { families.append(family) }
        let pairs = labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }.joined(separator: ",")
        samples[family.name, default: []].append("\(family.name){\(pairs)} \(value)")
    }

    /// All of it, with a newline at the end of each line.
    package var text: String {
        families.map { family in
            let head = "# HELP \(family.name) \(Self.escaped(family.help, quotes: false))\n# TYPE \(family.name) \(family.kind.rawValue)\n"
            return head + (samples[family.name] ?? []).map { $0 + "\n" }.joined()
        }.joined()
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
