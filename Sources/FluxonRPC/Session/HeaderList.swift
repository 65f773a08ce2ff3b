internal import CNGHTTP2

/// Header fields on their way into nghttp2. Made once per session and used again, so that a call allocates nothing here.
struct HeaderList {
    private enum Piece {
        case fixed(StaticString)
        /// A range of `bytes`.
        case range(Range<Int>)
    }

    private struct Field {
        let name: Piece
        let value: Piece
    }

    private var bytes: [UInt8] = []
    private var fields: [Field] = []

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
    }

    mutating func add(_ name: StaticString, _ value: StaticString) { fields.append(Field(name: .fixed(name), value: .fixed(value))) }

    mutating func add(_ name: StaticString, _ value: String) {
        var value = value
        let range = value.withUTF8 { keep($0) }
        fields.append(Field(name: .fixed(name), value: .range(range)))
    }

    mutating func add(_ name: StaticString, bytes value: [UInt8]) {
        let range = value.withUnsafeBufferPointer { keep($0) }
        fields.append(Field(name: .fixed(name), value: .range(range)))
    }

    mutating func add(_ metadata: RPCMetadata) {
        for entry in metadata.entries {
            var name = entry.name
            let nameRange = name.withUTF8 { keep($0) }
            let valueRange = RPCMetadata.wireValue(entry).withUnsafeBufferPointer { keep($0) }
            fields.append(Field(name: .range(nameRange), value: .range(valueRange)))
        }
    }

    private mutating func keep(_ text: UnsafeBufferPointer<UInt8>) -> Range<Int> {
        let start = bytes.count
        bytes.append(contentsOf: text)
        return start..<bytes.count
    }

    /// Lends the fields as nghttp2 takes them. It copies what is not a constant.
    func withFields<R>(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> R) -> R {
        bytes.withUnsafeBufferPointer { bytes in
            withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: fields.count) { target in
                for (index, field) in fields.enumerated() {
                    let (name, nameFlag) = Self.pointer(field.name, in: bytes, flag: UInt32(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue))
                    let (value, valueFlag) = Self.pointer(field.value, in: bytes, flag: UInt32(NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue))
                    target.initializeElement(
                        at: index,
                        to: nghttp2_nv(
                            name: UnsafeMutablePointer(mutating: name.baseAddress),
                            value: UnsafeMutablePointer(mutating: value.baseAddress),
                            namelen: name.count, valuelen: value.count, flags: UInt8(truncatingIfNeeded: nameFlag | valueFlag)))
                }
                return body(target.baseAddress, fields.count)
            }
        }
    }

    private static func pointer(
        _ piece: Piece, in bytes: UnsafeBufferPointer<UInt8>, flag: UInt32
    ) -> (UnsafeBufferPointer<UInt8>, UInt32) {
        switch piece {
        case .fixed(let text): (UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), flag)
        case .range(let range): (UnsafeBufferPointer(rebasing: bytes[range]), 0)
        }
    }
}
