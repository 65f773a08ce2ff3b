import FluxonCore

/// `shared.json`, which an external reads before it trusts anybody.
enum SharedJSONTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        RoundTrip.check(Array(input), decode: SharedDescription.init(decoding:)) { $0.encoded() }
    }
}
