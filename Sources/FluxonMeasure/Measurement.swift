/// What a benchmark found, one line of JSON for a script and one row of a table for eyes.
package struct Measurement: Sendable, Hashable {
    /// The operation, e.g. `local get zero-copy`.
    package let name: String
    /// Size of the value that one operation moves.
    package let bytes: Int
    package let threads: Int
    package let inFlight: Int
    package let operationsPerSecond: Double
    package let p50Microseconds: Double
    package let p99Microseconds: Double

    /// Payload moved in 10⁹ bytes per second.
    package var gigabytesPerSecond: Double { operationsPerSecond * Double(bytes) / 1e9 }

    /// `case, bytes, threads, in_flight, ops_per_s, gb_per_s, p50_us, p99_us`, as one JSON object without a line break.
    package var json: String {
        #"{"case":"\#(name)","bytes":\#(bytes),"threads":\#(threads),"in_flight":\#(inFlight)"#
            + #","ops_per_s":\#(Self.number(operationsPerSecond)),"gb_per_s":\#(Self.number(gigabytesPerSecond))"#
            + #","p50_us":\#(Self.number(p50Microseconds)),"p99_us":\#(Self.number(p99Microseconds))}"#
    }

    package static let tableHeader =
        pad("case", 24) + pad("bytes", 10, right: true) + pad("threads", 9, right: true) + pad("in flight", 11, right: true)
        + pad("ops/s", 14, right: true) + pad("GB/s", 9, right: true) + pad("p50 µs", 12, right: true) + pad("p99 µs", 12, right: true)

    package var tableRow: String {
        Self.pad(name, 24) + Self.pad("\(bytes)", 10, right: true) + Self.pad("\(threads)", 9, right: true)
            + Self.pad("\(inFlight)", 11, right: true) + Self.pad("\(Int(operationsPerSecond))", 14, right: true)
            + Self.pad(Self.number(gigabytesPerSecond), 9, right: true) + Self.pad(Self.number(p50Microseconds), 12, right: true)
            + Self.pad(Self.number(p99Microseconds), 12, right: true)
    }

    package init(
        name: String, bytes: Int, threads: Int, inFlight: Int, operationsPerSecond: Double, p50Microseconds: Double,
        p99Microseconds: Double
    ) {
        self.name = name
        self.bytes = bytes
        self.threads = threads
        self.inFlight = inFlight
        self.operationsPerSecond = operationsPerSecond
        self.p50Microseconds = p50Microseconds
        self.p99Microseconds = p99Microseconds
    }

    /// Three decimals, without the rounding noise of a binary fraction. Finite input only; anything else prints as 0.
    private static func number(_ value: Double) -> String {
        guard value.isFinite, value.magnitude < 1e15 else { return "0" }
        let thousandths = Int((value * 1000).rounded())
        let (whole, fraction) = thousandths.quotientAndRemainder(dividingBy: 1000)
        let digits = String(fraction.magnitude)
        return "\(whole)." + String(repeating: "0", count: 3 - digits.count) + digits
    }

    private static func pad(_ text: String, _ width: Int, right: Bool = false) -> String {
        let space = String(repeating: " ", count: max(1, width - text.count))
        return right ? space + text : text + space
    }
}
