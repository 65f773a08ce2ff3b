/// Where a service is reached: `http://host:port`, `https://host:port` or bare `host:port`, which means http.
package struct NetworkEndpoint: Hashable, Sendable {
    /// True for `https`: the connection is encrypted.
    package let isSecure: Bool
    /// A host name, an IPv4 address, or an IPv6 address without its brackets.
    package let host: String
    package let port: UInt16

    package init(isSecure: Bool = false, host: String, port: UInt16) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
    }

    /// What `text` names, nil when it is no endpoint. A path, a user or a missing port is none.
    package init?(_ text: String) {
        var rest = Substring(text)
        isSecure = rest.lowercased().hasPrefix("https://")
        if isSecure {
            rest = rest.dropFirst("https://".count)
        } else if rest.lowercased().hasPrefix("http://") {
            rest = rest.dropFirst("http://".count)
        }
        if rest.last == "/" { rest.removeLast() }
        guard let colon = rest.lastIndex(of: ":") else { return nil }
        let digits = rest[rest.index(after: colon)...]
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits) else { return nil }
        self.port = port

        let name = rest[..<colon]
        if name.first == "[", name.last == "]" {
            let address = name.dropFirst().dropLast()
            guard address.contains(":"), address.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else { return nil }
            host = String(address)
        } else {
            guard !name.isEmpty, name.utf8.count <= Limits.nameBytes,
                name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "." || $0 == "_") })
            else { return nil }
            host = String(name)
        }
    }

    /// True when the host stands for every address of this machine, which is fine to listen on and no place to connect to.
    package var isWildcard: Bool { host == "0.0.0.0" || host == "::" }

    /// True when the host is this machine's own loopback.
    package var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

    /// `host:port`, an IPv6 address in brackets.
    package var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension NetworkEndpoint: CustomStringConvertible {
    package var description: String { (isSecure ? "https://" : "http://") + authority }
}
