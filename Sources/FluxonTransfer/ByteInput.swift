/// Reads little-endian numbers from bytes that nobody has checked; runs out instead of trapping.
package struct ByteInput: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    package init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    package var count: Int { bytes.endIndex - position }

    package mutating func next<Number: FixedWidthInteger & BitwiseCopyable>(as type: Number.Type = Number.self) -> Number? {
        let size = MemoryLayout<Number>.size
        guard size <= count else { return nil }
        defer { position += size }
        let offset = position - bytes.startIndex
        return bytes.withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self)) }
    }

    package mutating func next(count wanted: Int) -> ArraySlice<UInt8>? {
        guard wanted <= count else { return nil }
        defer { position += wanted }
        return bytes[position..<position + wanted]
    }
}

extension [UInt8] {
    package mutating func append(littleEndian number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }
}

extension OutputRawSpan {
    mutating func append(littleEndian number: some FixedWidthInteger & BitwiseCopyable) {
        append(number.littleEndian, as: type(of: number))
    }
}

extension [UInt8] {
    /// What `write` writes, of at most `byteLimit` bytes.
    init(byteLimit: Int, _ write: (inout OutputRawSpan) -> Void) {
        self.init(unsafeUninitializedCapacity: byteLimit) { buffer, count in
            // SAFETY: the array's own memory, for the length of this call.
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            var output = OutputRawSpan(buffer: bytes, initializedCount: 0)
            write(&output)
            count = output.finalize(for: bytes)
        }
    }
}
