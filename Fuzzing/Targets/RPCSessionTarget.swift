import FluxonRPC

/// An RPC session against any bytes a peer may send.
///
/// The first byte chooses: bit 0 the role, bit 1 whether bytes come in small pieces, bit 2 whether a correct preface comes first.
enum RPCSessionTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let mode = input.first else { return }
        let probe = RPCSessionProbe(isServer: mode & 1 != 0)
        if mode & 4 != 0 { feed(probe, prefaces[mode & 1 != 0 ? 1 : 0], pieces: false) }
        feed(probe, Array(input.dropFirst()), pieces: mode & 2 != 0)
        probe.end()
    }

    private static func feed(_ probe: RPCSessionProbe, _ bytes: [UInt8], pieces: Bool) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // Odd lengths, so that cuts fall within frame headers and message prefixes alike.
            let count = pieces ? min(rest.count, 1 + Int(rest[rest.startIndex] % 13)) : rest.count
            guard probe.receive(Array(rest.prefix(count))) else { return }
            rest = rest.dropFirst(count)
        }
    }

    private static let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]
    private static let prefaces: [[UInt8]] = [settings, Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + settings]
}
