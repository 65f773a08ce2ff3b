internal import CNGHTTP2

/// Reads the header blocks of one connection, for tests that speak HTTP/2 by themselves.
package final class HeaderProbe {
    // SAFETY: made in `init`, freed in `deinit`, used nowhere else.
    private let inflater: OpaquePointer

    package init() {
        var made: OpaquePointer?
        precondition(nghttp2_hd_inflate_new(&made) == 0, "out of memory")
        guard let made else { preconditionFailure("out of memory") }
        inflater = made
    }

    deinit { nghttp2_hd_inflate_del(inflater) }

    /// The fields of a block, in their order; nil for what is none.
    package func fields(_ block: [UInt8]) -> [(name: String, value: String)]? {
        block.withUnsafeBufferPointer { block in
            var rest = block
            var fields: [(name: String, value: String)] = []
            while true {
                var field = nghttp2_nv()
                var flags: CInt = 0
                let count = nghttp2_hd_inflate_hd2(inflater, &field, &flags, rest.baseAddress, rest.count, 1)
                guard count >= 0 else { return nil }
                rest = UnsafeBufferPointer(rebasing: rest.dropFirst(count))
                if UInt32(flags) & UInt32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
                    fields.append((Self.text(field.name, field.namelen), Self.text(field.value, field.valuelen)))
                }
                guard UInt32(flags) & UInt32(NGHTTP2_HD_INFLATE_FINAL.rawValue) == 0 else { break }
                guard count > 0 || UInt32(flags) != 0 else { return nil }
            }
            nghttp2_hd_inflate_end_headers(inflater)
            return fields
        }
    }

    private static func text(_ start: UnsafeMutablePointer<UInt8>?, _ count: Int) -> String {
        String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
