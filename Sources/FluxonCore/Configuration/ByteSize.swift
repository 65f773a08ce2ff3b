/// Sizes as people write them (`1.5GiB`, `64 MiB`, `500MB`, `1048576`) and as messages show them.
package enum ByteSize {
    private static let units: [(name: String, bytes: UInt64)] = [
        ("b", 1), ("", 1),
        ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("tib", 1 << 40),
        ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("tb", 1_000_000_000_000),
    ]

    /// The number of bytes that `text` names, rounded down to whole bytes; nil when it is no size or beyond `Int`.
    ///
    /// A bare number counts bytes. Units: B, KiB, MiB, GiB, TiB (powers of 1 024), kB, MB, GB, TB (powers of 1 000), in any case.
    package static func parse(_ text: String) -> Int? {
        guard let quantity = Quantity(text), let unit = units.first(where: { $0.name == quantity.unit.lowercased() }) else { return nil }
        return quantity.times(unit.bytes)
    }

    /// `bytes` in the largest binary unit that leaves at least 1, with up to two decimals: `1.5 GiB`, `512 B`.
    package static func describe(_ bytes: Int) -> String {
        let unit = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)].first { bytes >= 1 << $0.1 }
        guard let (name, shift) = unit else { return "\(bytes) B" }
        let hundredths = Int((Double(bytes) / Double(1 << shift) * 100).rounded())
        let fraction = hundredths % 100
        guard fraction > 0 else { return "\(hundredths / 100) \(name)" }
        let digits = fraction % 10 == 0 ? "\(fraction / 10)" : (fraction < 10 ? "0\(fraction)" : "\(fraction)")
        return "\(hundredths / 100).\(digits) \(name)"
    }
}

/// Times as people write them: `500ms`, `30s`, `1.5s`, `2min`.
package enum TimeSpan {
    /// The duration that `text` names, in whole milliseconds; nil when it is none. The unit is required: a bare number says nothing.
    package static func parse(_ text: String) -> Duration? {
        let units: [(name: String, milliseconds: UInt64)] = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000)]
        guard let quantity = Quantity(text), let unit = units.first(where: { $0.name == quantity.unit.lowercased() }),
            let milliseconds = quantity.times(unit.milliseconds), milliseconds <= 1_000_000_000_000
        else { return nil }
        return .milliseconds(milliseconds)
    }
}

/// A decimal number and the word behind it, in integers: `1.1TiB` must not depend on how a float rounds.
private struct Quantity {
    let whole: UInt64
    let fraction: UInt64
    let fractionScale: UInt64
    let unit: String

    init?(_ text: String) {
        var rest = Substring(text).drop { $0 == " " }
        while rest.last == " " { rest.removeLast() }
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, let whole = UInt64(digits) else { return nil }
        rest = rest.dropFirst(digits.count)
        var fraction: UInt64 = 0
        var fractionScale: UInt64 = 1
        if rest.first == "." {
            let decimals = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            guard !decimals.isEmpty, let value = UInt64(decimals.prefix(6)) else { return nil }
            fraction = value
            for _ in decimals.prefix(6) { fractionScale *= 10 }
            rest = rest.dropFirst(1 + decimals.count)
        }
        self.whole = whole
        self.fraction = fraction
        self.fractionScale = fractionScale
        self.unit = String(rest.drop { $0 == " " })
    }

    /// This number times `unit`, rounded down; nil beyond `Int`.
    func times(_ unit: UInt64) -> Int? {
        let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
        // Both factors are bounded: fraction < 10^6 and unit ≤ 2^40.
        let (sum, carried) = product.addingReportingOverflow(fraction * unit / fractionScale)
        return overflow || carried ? nil : Int(exactly: sum)
    }
}
