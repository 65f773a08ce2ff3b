/// An entry of an RDMA port's table of addresses.
struct GID: Sendable, Hashable {
    enum Kind: String, Sendable {
        case infiniBand = "InfiniBand"
        case roceV1 = "RoCE v1"
        case roceV2 = "RoCE v2"
    }

    let bytes: [UInt8]
    /// Place in the port's table.
    let index: Int
    let kind: Kind

    init(bytes: [UInt8], index: Int, kind: Kind) {
        self.bytes = bytes
        self.index = index
        self.kind = kind
    }

    /// The IP address that a RoCE entry is made from: `10.0.0.1` or `fd00:0:0:0:0:0:0:1`. Nil for one that is none.
    var address: String? {
        guard kind != .infiniBand, bytes.count == 16 else { return nil }
        if isIPv4 { return bytes[12...].map(String.init).joined(separator: ".") }
        return text
    }

    var isIPv4: Bool { bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff }
    var isLinkLocal: Bool { bytes.count == 16 && bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80 }

    /// Eight groups of hexadecimal digits.
    var text: String {
        stride(from: 0, to: bytes.count - 1, by: 2).map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
            .joined(separator: ":")
    }
}

/// Which of a port's addresses is used, best first:
///
///     RoCE v2 of an IPv4 address ▶ RoCE v2 of a global IPv6 address ▶ RoCE v1 of either ▶ (InfiniBand: the address of its IP interface)
///
/// RoCE v2 crosses routers, and IPv4 is what most fabrics are numbered in. A link-local address is another machine's on another link, so
/// that it cannot be announced. Among equals the lower index wins, so that equal machines choose equally.
enum GIDRule {
    static func choose(among gids: [GID]) -> GID? {
        gids.filter { $0.address != nil && !$0.isLinkLocal }.min { (rank($0), $0.index) < (rank($1), $1.index) }
    }

    private static func rank(_ gid: GID) -> Int {
        switch (gid.kind, gid.isIPv4) {
        case (.roceV2, true): 0
        case (.roceV2, false): 1
        case (.roceV1, true): 2
        case (.roceV1, false): 3
        case (.infiniBand, _): 4
        }
    }
}
