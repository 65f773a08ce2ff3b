internal import FluxonCore

/// Small encodings of gRPC over HTTP/2: timeouts and messages in header fields.
enum GRPCWire {
    /// `grpc-timeout`: at most eight digits and a unit. Rounded up, so that the server never gives up first for rounding's sake.
    static func timeout(_ duration: Duration) -> String {
        let nanoseconds = max(duration.clampedNanoseconds, 1)
        for (unit, size) in units.dropFirst(2) where nanoseconds % size == 0 && nanoseconds / size <= 99_999_999 {
            return "\(nanoseconds / size)\(unit)"
        }
        for (unit, size) in units.reversed() {
            let count = nanoseconds / size + (nanoseconds % size == 0 ? 0 : 1)
            if count <= 99_999_999 { return "\(count)\(unit)" }
        }
        return "99999999H"
    }

    /// Nil for what is no timeout.
    static func timeout(_ text: UnsafeBufferPointer<UInt8>) -> Duration? {
        guard let unit = text.last, text.count >= 2, text.count <= 9 else { return nil }
        var count: Int64 = 0
        for byte in text.dropLast() {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            count = count * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        switch unit {
        case UInt8(ascii: "H"): return .seconds(count * 3600)
        case UInt8(ascii: "M"): return .seconds(count * 60)
        case UInt8(ascii: "S"): return .seconds(count)
        case UInt8(ascii: "m"): return .milliseconds(count)
        case UInt8(ascii: "u"): return .microseconds(count)
        case UInt8(ascii: "n"): return .nanoseconds(count)
        default: return nil
        }
    }

    private static let units: [(Character, Int64)] = [
        ("H", 3_600_000_000_000), ("M", 60_000_000_000), ("S", 1_000_000_000), ("m", 1_000_000), ("u", 1000), ("n", 1),
    ]

    /// `grpc-message`: percent-encodes all but printable ASCII, and the percent sign. Cut to 1024 bytes before.
    static func encodeMessage(_ message: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for byte in message.utf8.prefix(1024) {
            if byte >= 0x20, byte <= 0x7e, byte != UInt8(ascii: "%") {
                bytes.append(byte)
            } else {
                bytes.append(UInt8(ascii: "%"))
                bytes.append(hexDigits[Int(byte >> 4)])
                bytes.append(hexDigits[Int(byte & 15)])
            }
        }
        return bytes
    }

    /// Takes what is no valid encoding as it is: a status is never lost for its message.
    static func decodeMessage(_ text: UnsafeBufferPointer<UInt8>) -> String {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let high = hexValue(rest[rest.startIndex]),
                let low = hexValue(rest[rest.startIndex + 1])
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let hexDigits = Array("0123456789ABCDEF".utf8)

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 48
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 55
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 87
        default: nil
        }
    }
}
