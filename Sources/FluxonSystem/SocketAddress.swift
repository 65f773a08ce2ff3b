private import FluxonCore

/// Where a server listens: a path or a host and port.
package enum SocketAddress: Hashable, Sendable, CustomStringConvertible {
    case unix(String)
    /// `host` is a name or a numeric address, an IPv6 one without brackets.
    case tcp(host: String, port: UInt16)

    package var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    /// The host for certificates and the `:authority` header.
    package var host: String {
        switch self {
        case .unix: "localhost"
        case .tcp(let host, _): host
        }
    }
}

/// An address as an operator writes it: `unix:/path`, `/path`, `host:port`, `[::1]:port`, `http://host:port`, `https://host:port`.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    package var address: SocketAddress
    /// Whether the operator asked for TLS (`https://`).
    package var usesTLS: Bool

    package init(_ address: SocketAddress, usesTLS: Bool = false) {
        self.address = address
        self.usesTLS = usesTLS
    }

    /// Parses an operator's text. The error says which forms there are.
    package init(parsing text: String) throws(SystemError) {
        var rest = Substring(text)
        var scheme = ""
        for known in ["https://", "http://", "unix://", "unix:"] where rest.hasPrefix(known) {
            scheme = known
            rest = rest.dropFirst(known.count)
            break
        }
        usesTLS = scheme == "https://"
        if scheme.hasPrefix("unix") || rest.hasPrefix("/") {
            guard !rest.isEmpty, rest.utf8.count <= Limits.socketPathBytes else {
                throw Self.refused(text, "a socket path has 1 to \(Limits.socketPathBytes) bytes, this one \(rest.utf8.count)")
            }
            address = .unix(String(rest))
            return
        }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]) else {
            throw Self.refused(text, "it needs a port from 0 to 65535 after the last ':'")
        }
        var host = rest[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, !host.contains("/"), !host.contains("[") else { throw Self.refused(text, "it needs a host before the port") }
        address = .tcp(host: String(host), port: port)
    }

    package var description: String {
        switch address {
        case .unix: "\(address)"
        case .tcp: (usesTLS ? "https://" : "http://") + "\(address)"
        }
    }

    private static func refused(_ text: String, _ why: String) -> SystemError {
        SystemError(
            "read the address '\(text)'", errno: 0,
            advice: "\(why); write host:port, http://host:port, https://host:port or unix:/path")
    }
}
