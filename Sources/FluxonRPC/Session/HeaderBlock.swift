internal import Glibc

/// What one HEADERS frame said, as far as a call needs it.
struct HeaderBlock {
    var path: String?
    var isPOST = false
    var isGRPC = false
    var hasContentType = false
    var httpStatus: Int?
    var timeout: Duration?
    var code: RPCCode?
    var message = ""
    var metadata = RPCMetadata()
    /// As HTTP/2 counts: name, value and 32 bytes each.
    var byteCount = 0
    /// What was wrong with a field; the first such.
    var problem: Problem?

    enum Problem: Equatable { case malformed(String), compressed }

    /// What HTTP/2 adds for each field to the bytes of its name and value.
    static let fieldOverhead = 32

    /// Takes one field. `knownPath` saves making the same string for call after call.
    mutating func add(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, knownPath: inout String) {
        byteCount += name.count + value.count + Self.fieldOverhead
        let value = value.withoutBlanks
        switch name.count {
        case 2 where name.equals("te"): return
        case 5 where name.equals(":path"):
            if value.equals(utf8Of: knownPath) {
                path = knownPath
            } else {
                let text = String(decoding: value, as: UTF8.self)
                knownPath = text
                path = text
            }
        case 7 where name.equals(":method"): isPOST = value.equals("POST")
        case 7 where name.equals(":status"): httpStatus = value.decimal(most: 999)
        case 7 where name.equals(":scheme"): return
        case 10 where name.equals(":authority"): return
        case 10 where name.equals("user-agent"): return
        case 11 where name.equals("grpc-status"):
            let number = value.decimal(most: 255)
            code = number.flatMap { UInt8(exactly: $0) }.flatMap(RPCCode.init(rawValue:)) ?? .unknown
        case 12 where name.equals("content-type"):
            hasContentType = true
            isGRPC = Self.isGRPC(value)
        case 12 where name.equals("grpc-timeout"):
            timeout = GRPCWire.timeout(value)
            if timeout == nil { problem = problem ?? .malformed("the field grpc-timeout is no timeout") }
        case 12 where name.equals("grpc-message"): message = GRPCWire.decodeMessage(value)
        case 13 where name.equals("grpc-encoding"):
            if !value.equals("identity") { problem = problem ?? .compressed }
        case 20 where name.equals("grpc-accept-encoding"): return
        default:
            guard name.first != UInt8(ascii: ":") else { return }
            let text = String(decoding: name, as: UTF8.self)
            if !metadata.addFromWire(text, value) { problem = problem ?? .malformed("the field \(text) is no base64") }
        }
    }

    private static func isGRPC(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
        let prefix: StaticString = "application/grpc"
        guard value.count >= prefix.utf8CodeUnitCount else { return false }
        guard UnsafeBufferPointer(rebasing: value.prefix(prefix.utf8CodeUnitCount)).equals(prefix) else { return false }
        guard value.count > prefix.utf8CodeUnitCount else { return true }
        let next = value[prefix.utf8CodeUnitCount]
        return next == UInt8(ascii: "+") || next == UInt8(ascii: ";")
    }
}

extension HeaderBlock.Problem: CustomStringConvertible {
    var description: String {
        switch self {
        case .malformed(let words): words
        case .compressed: "compressed messages are not supported: send grpc-encoding identity"
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// gRPC lets blanks around a value be taken off, and HTTP/2 forbids them.
    var withoutBlanks: UnsafeBufferPointer<UInt8> {
        guard let first, let last, first <= UInt8(ascii: " ") || last <= UInt8(ascii: " ") else { return self }
        guard let start = firstIndex(where: { $0 > UInt8(ascii: " ") }), let end = lastIndex(where: { $0 > UInt8(ascii: " ") }) else {
            return UnsafeBufferPointer(rebasing: self[..<startIndex])
        }
        return UnsafeBufferPointer(rebasing: self[start...end])
    }

    func equals(_ text: StaticString) -> Bool {
        guard let baseAddress, count == text.utf8CodeUnitCount else { return count == text.utf8CodeUnitCount }
        return memcmp(baseAddress, text.utf8Start, count) == 0
    }

    func equals(utf8Of text: String) -> Bool {
        text.utf8.withContiguousStorageIfAvailable { text in
            guard let baseAddress, let other = text.baseAddress, count == text.count else { return count == text.count }
            return memcmp(baseAddress, other, count) == 0
        } ?? elementsEqual(text.utf8)
    }

    /// A plain decimal number of at most four digits.
    func decimal(most: Int) -> Int? {
        guard !isEmpty, count <= 4 else { return nil }
        var number = 0
        for byte in self {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return number <= most ? number : nil
    }
}
