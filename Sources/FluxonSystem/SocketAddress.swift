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

extension SocketAddress {
    /// Reads what `description` writes: `unix:/path`, `host:port`, `[::1]:port`; a path with its slash means the same as `unix:`. The
    /// form in which members announce themselves; what an operator writes, with `http://` or `https://`, is a `NetworkEndpoint`.
    ///
    /// - Throws: an error that says which forms there are.
    package init(parsing text: String) throws(SystemError) {
        if text.hasPrefix("unix:") || text.hasPrefix("/") {
            let path = text.hasPrefix("/") ? Substring(text) : text.dropFirst("unix:".count)
            guard !path.isEmpty, path.utf8.count <= Limits.socketPathBytes else {
                throw Self.refused(text, "a socket path has 1 to \(Limits.socketPathBytes) bytes, this one \(path.utf8.count)")
            }
            self = .unix(String(path))
            return
        }
        guard let endpoint = NetworkEndpoint(text), !text.contains("/") else {
            throw Self.refused(text, "it needs a host and a port from 0 to 65535")
        }
        self = .tcp(host: endpoint.host, port: endpoint.port)
    }

    private static func refused(_ text: String, _ why: String) -> SystemError {
        SystemError("read the address '\(text)'", errno: 0, advice: "\(why); write host:port, [address]:port or unix:/path")
    }
}
