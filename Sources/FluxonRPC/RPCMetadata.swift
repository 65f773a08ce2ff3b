/// Custom header fields of a call: ASCII values, or bytes under names that end in `-bin`. Order is kept, names repeat freely.
package struct RPCMetadata: Sendable, Hashable {
    package struct Entry: Sendable, Hashable {
        /// Lower case.
        package let name: String
        /// As the application sees it: bytes of a `-bin` field are not in base64 here.
        package let value: [UInt8]
    }

    package private(set) var entries: [Entry] = []

    package init() {}

    package init(_ pairs: KeyValuePairs<String, String>) {
        for (name, value) in pairs { add(name, value) }
    }

    package var isEmpty: Bool { entries.isEmpty }

    /// The first text value of a name.
    package subscript(name: String) -> String? {
        entries.first { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    /// The first value of a name as bytes.
    package func bytes(_ name: String) -> [UInt8]? { entries.first { $0.name == name }?.value }

    package func all(_ name: String) -> [[UInt8]] { entries.filter { $0.name == name }.map(\.value) }

    /// Adds a text value, without the blanks around it, which HTTP/2 does not carry. False, and nothing added, for a name or value that
    /// it does not carry at all or that gRPC keeps for itself.
    @discardableResult
    package mutating func add(_ name: String, _ value: String) -> Bool {
        guard !name.hasSuffix("-bin") else { return add(name, bytes: Array(value.utf8)) }
        let bytes = value.utf8.withContiguousStorageIfAvailable { Array($0.withoutBlanks) } ?? Array(value.utf8)
        guard Self.isAllowed(name), bytes.allSatisfy({ $0 >= 0x20 && $0 <= 0x7e }) else { return false }
        entries.append(Entry(name: name, value: bytes))
        return true
    }

    /// Adds bytes under a name that ends in `-bin`. False as above, and for another name.
    @discardableResult
    package mutating func add(_ name: String, bytes: [UInt8]) -> Bool {
        guard name.hasSuffix("-bin"), Self.isAllowed(name) else { return false }
        entries.append(Entry(name: name, value: bytes))
        return true
    }

    /// Takes a field off the wire: base64 for `-bin`, possibly several values in one field separated by commas. False: bad base64.
    mutating func addFromWire(_ name: String, _ value: UnsafeBufferPointer<UInt8>) -> Bool {
        guard name.hasSuffix("-bin") else {
            entries.append(Entry(name: name, value: Array(value)))
            return true
        }
        for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let bytes = Base64.decode(part) else { return false }
            entries.append(Entry(name: name, value: bytes))
        }
        return true
    }

    /// What goes on the wire for an entry.
    static func wireValue(_ entry: Entry) -> [UInt8] { entry.name.hasSuffix("-bin") ? Base64.encode(entry.value) : entry.value }

    private static func isAllowed(_ name: String) -> Bool {
        guard !name.isEmpty, !name.hasPrefix("grpc-"), !reserved.contains(name) else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
            default: false
            }
        }
    }

    private static let reserved: Set<String> = ["te", "content-type", "user-agent", "connection", "host", "transfer-encoding", "upgrade"]
}

/// Base64 of RFC 4648 as gRPC uses it: written without padding, read with or without.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 4 / 3 + 4)
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[Int(bits >> UInt32(count)) & 63])
            }
        }
        if count > 0 { text.append(alphabet[Int(bits << UInt32(6 - count)) & 63]) }
        return text
    }

    static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        var digits = 0
        var padding = 0
        for byte in text {
            if byte == UInt8(ascii: " ") { continue }
            if byte == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0, let digit = value(byte) else { return nil }
            bits = (bits << 6 | digit) & 0xffff
            digits += 1
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return digits % 4 == 1 || padding > 2 ? nil : bytes
    }

    private static func value(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) + 4
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
