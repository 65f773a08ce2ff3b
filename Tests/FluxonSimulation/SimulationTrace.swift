import FluxonCore

/// What happened, line by line; always digested, kept only when somebody wants to read it.
package struct SimulationTrace {
    var isKept = false
    /// The events alone: what the clients saw and what went wrong, without the messages.
    package private(set) var lines: [String] = []
    package private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325

    /// - Parameter parts: What tells this event from others, for the digest.
    mutating func add(_ time: UInt64, _ who: @autoclosure () -> String, _ parts: [UInt64], _ what: @autoclosure () -> String) {
        mix(time)
        for part in parts { mix(part) }
        if isKept { lines.append("\(Self.clock(time))  \(Self.padded(who(), 10)) \(what())") }
    }

    /// A message on its way.
    mutating func mix(_ bytes: [UInt8]) {
        var word: UInt64 = UInt64(bytes.count)
        for (place, byte) in bytes.enumerated() {
            word = word << 8 | UInt64(byte)
            if place & 7 == 7 { mix(word) }
        }
        mix(word)
    }

    private mutating func mix(_ part: UInt64) { digest = (digest ^ part) &* 0x100_0000_01B3 ^ (digest >> 29) }

    /// Seconds with microseconds, right-aligned.
    static func clock(_ time: UInt64) -> String {
        let micros = String(time / 1_000 % 1_000_000)
        let text = "\(time / 1_000_000_000).\(String(repeating: "0", count: 6 - micros.count))\(micros)"
        return String(repeating: " ", count: max(0, 10 - text.count)) + text
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
