/// What `Package.swift` lets each target import, read from its text: SwiftPM itself lets a target import whatever its
/// dependencies depend on.
struct PackageArrows: Sendable {
    /// By name of the target's folder in `Sources`.
    private(set) var dependencies: [String: Set<String>] = [:]

    /// - Parameter manifest: The text of Package.swift.
    init(manifest: String) {
        let manifest = manifest.replacing("\\(name)", with: "Role")
        let products = Self.productNames(in: manifest)
        for (call, isRole) in [("library(", false), ("role(", true)] {
            for arguments in Self.calls(of: call, in: manifest) {
                let names = Self.names(in: arguments, products: products)
                guard let target = names.first else { continue }
                // The second name of a role is its executable's.
                dependencies[target, default: []].formUnion(names.dropFirst(isRole ? 2 : 1))
            }
        }
        for arguments in Self.calls(of: ".executableTarget(", in: manifest) {
            let names = Self.names(in: arguments, products: products)
            guard let path = names.first(where: { $0.hasPrefix("Sources/") }), let folder = path.split(separator: "/").last else {
                continue
            }
            dependencies[String(folder), default: []].formUnion(names.filter { !$0.contains("/") && $0.first?.isUppercase == true })
        }
    }

    /// `let deque = Target.Dependency.product(name: "DequeModule", …)` gives `deque` → `DequeModule`.
    private static func productNames(in manifest: String) -> [String: String] {
        var result: [String: String] = [:]
        for line in manifest.split(separator: "\n") {
            guard let match = line.firstMatch(of: /^let (\w+) = Target\.Dependency\.product\(name: "(\w+)"/) else { continue }
            result[String(match.1)] = String(match.2)
        }
        return result
    }

    /// The text between the parentheses of each call.
    private static func calls(of name: String, in manifest: String) -> [Substring] {
        manifest.ranges(of: name).compactMap { range in
            guard manifest[..<range.lowerBound].last.map({ " \n+,(".contains($0) }) ?? true else { return nil }
            guard !manifest[..<range.lowerBound].hasSuffix("func ") else { return nil }
            var depth = 1
            var end = range.upperBound
            while end < manifest.endIndex, depth > 0 {
                if manifest[end] == "(" { depth += 1 }
                if manifest[end] == ")" { depth -= 1 }
                end = manifest.index(after: end)
            }
            return manifest[range.upperBound..<end]
        }
    }

    /// Literals and known products in the order of the text; the package of a product is not a name.
    private static func names(in arguments: Substring, products: [String: String]) -> [String] {
        let text = arguments.replacing(/package: "[^"]*"/, with: "").replacing(/exclude: \[[^\]]*\]/, with: "")
        return text.matches(of: /"([\w\/.-]+)"|\b([a-z]\w*)\b/).compactMap { match in
            if let literal = match.1 { return String(literal) }
            return match.2.flatMap { products[String($0)] }
        }
    }
}
