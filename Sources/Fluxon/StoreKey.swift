/// What may name a value: 1 to 1 024 bytes. A `String` stands for its UTF-8.
public protocol StoreKey: Sendable {
    /// Lends the key's bytes for the length of `body`.
    func withKeyBytes<R: ~Copyable, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R
}

extension String: StoreKey {
    public func withKeyBytes<R: ~Copyable, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try utf8.span.bytes.withUnsafeBytes { (bytes) throws(E) -> R in try body(bytes) }
    }
}

extension Substring: StoreKey {
    public func withKeyBytes<R: ~Copyable, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try utf8.span.bytes.withUnsafeBytes { (bytes) throws(E) -> R in try body(bytes) }
    }
}

extension [UInt8]: StoreKey {
    public func withKeyBytes<R: ~Copyable, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try span.bytes.withUnsafeBytes { (bytes) throws(E) -> R in try body(bytes) }
    }
}
