internal import CLinux
internal import Glibc

/// A socket address as the kernel takes it.
package struct ResolvedAddress: Sendable, CustomStringConvertible {
    let raw: cfluxon_address

    init(raw: cfluxon_address) { self.raw = raw }

    /// The address as a path or as a numeric host and port.
    package var address: SocketAddress {
        var raw = raw
        let (port, text) = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer -> (CInt, String) in
            guard let base = buffer.baseAddress else { return (-1, "") }
            let port = cfluxon_address_text(&raw, base, 128)
            return (port, String(cString: base))
        }
        return UInt16(exactly: port).map { .tcp(host: text, port: $0) } ?? .unix(text)
    }

    package var description: String { address.description }

    /// Lends it as a `sockaddr`, for libraries that take one.
    package func withSocketAddress<R>(_ body: (UnsafeRawPointer) -> R) -> R {
        withUnsafeBytes(of: raw.bytes) { bytes in
            // SAFETY: the tuple of 128 bytes is never empty, so that its buffer has an address.
            body(bytes.baseAddress.unsafelyUnwrapped)
        }
    }

    /// All kernel addresses of `address`. **Blocks on DNS** for a host name; see `AddressResolver` for the loop.
    package static func resolve(_ address: SocketAddress) throws(SystemError) -> [ResolvedAddress] {
        try resolve(address, numericOnly: false)
    }

    /// The kernel addresses of a path or a numeric host, nil for a host name. Never blocks.
    package static func resolveWithoutNames(_ address: SocketAddress) throws(SystemError) -> [ResolvedAddress]? {
        if case .unix = address { return try resolve(address, numericOnly: true) }
        return try? resolve(address, numericOnly: true)
    }

    private static func resolve(_ address: SocketAddress, numericOnly: Bool) throws(SystemError) -> [ResolvedAddress] {
        switch address {
        case .unix(let path):
            var raw = cfluxon_address()
            let result = cfluxon_address_unix(path, &raw)
            guard result >= 0 else {
                throw SystemError("use the socket path '\(path)'", errno: -result, advice: "a socket path has 1 to 107 bytes")
            }
            return [ResolvedAddress(raw: raw)]
        case .tcp(let host, let port):
            var found = [cfluxon_address](repeating: cfluxon_address(), count: 16)
            let count = cfluxon_resolve(host, port, numericOnly ? 1 : 0, &found, 16)
            guard count > 0 else {
                let reason = count == 0 ? "no address" : String(cString: cfluxon_resolve_message(count))
                throw SystemError("resolve the host '\(host)' (\(reason))", errno: 0, advice: "check the name and the DNS of this machine")
            }
            return found.prefix(Int(count)).map { ResolvedAddress(raw: $0) }
        }
    }
}

/// Resolves names off the loop, since `getaddrinfo` blocks.
package enum AddressResolver {
    /// Calls `body` on the loop: within this call for a path or a numeric host, later for a name.
    package static func resolve(
        _ address: SocketAddress, on loop: EventLoop, _ body: @escaping @Sendable (Result<[ResolvedAddress], SystemError>) -> Void
    ) {
        do throws(SystemError) {
            if let known = try ResolvedAddress.resolveWithoutNames(address) { return body(.success(known)) }
        } catch {
            return body(.failure(error))
        }
        let work: @Sendable () -> Void = {
            let result: Result<[ResolvedAddress], SystemError>
            do throws(SystemError) { result = .success(try ResolvedAddress.resolve(address)) } catch { result = .failure(error) }
            loop.execute { body(result) }
        }
        do throws(SystemError) { try KernelThread.start(name: "fluxon-resolver", detached: true, work) } catch { body(.failure(error)) }
    }
}
