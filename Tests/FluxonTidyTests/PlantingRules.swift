/// Mistakes that tests plant are compiled only where `FLUXON_PLANTING` is defined: a release has none.
enum PlantingRules {
    static let flag = "FLUXON_PLANTING"
    /// Of the mistakes in the C parts, which are the constant "none" without it and are planted by builds of scripts/sanitize.
    static let memoryFlag = "FLUXON_PLANTED_PINS"

    /// Lines of a product's source that mention planting outside of `#if FLUXON_PLANTING` … `#endif`.
    static func leaks(in file: SourceFile) -> [String] {
        var problems: [String] = []
        // One per open `#if`: whether what follows is compiled for planting alone.
        var open: [Bool] = []
        for (index, line) in file.code.enumerated() {
            let text = line.trimmingSpaces
            if text.hasPrefix("#if") {
                open.append(text == "#if \(flag)" || text == "#if \(memoryFlag)")
            } else if text.hasPrefix("#else") || text.hasPrefix("#elseif") {
                if !open.isEmpty { open[open.count - 1] = false }
            } else if text.hasPrefix("#endif") {
                _ = open.popLast()
            } else if !open.contains(true), line.lowercased().replacing("cfluxon_planted", with: "").has("planted") {
                problems.append("\(file.path):\(index + 1): a planted mistake outside of #if \(flag)")
            }
        }
        return problems
    }

    /// The manifest defines the flag for debug builds and on request, and nowhere else.
    static func definitions(in manifest: SourceFile) -> [String] {
        let lines = manifest.lines.filter { $0.has("define(\"\(flag)\"") }
        guard lines.count == 1, let line = lines.first else {
            return ["Package.swift: \(flag) is to be defined in one line, not in \(lines.count)"]
        }
        let isGuarded = line.has("isPlanting ? .define(\"\(flag)\")") && line.has(".when(configuration: .debug)")
        return isGuarded ? [] : ["Package.swift: \(flag) may be defined for debug builds and with \(flag)=1 only"]
    }
}

extension String {
    fileprivate var trimmingSpaces: String { String(drop { $0 == " " }) }
}
