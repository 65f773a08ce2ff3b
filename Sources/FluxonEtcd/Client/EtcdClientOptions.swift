package import FluxonCore
private import FluxonSystem
internal import FluxonTLS

/// How an etcd is reached.
package struct EtcdClientOptions: Sendable {
    /// Tried in this order; the one that answers is kept until it fails.
    package var endpoints: [NetworkEndpoint]
    /// User name and password. Default: none.
    package var credentials: Credentials?
    /// For `https` endpoints: PEM files, as in the `etcd` section of a configuration. Default: the system's authorities, no certificate.
    package var authorities: String?
    package var certificate: String?
    package var privateKey: String?
    /// What a call may take in all, over every endpoint, when it does not say itself. Default: 5 s.
    package var timeout: Duration = .seconds(5)
    /// What one endpoint gets for a read before the next one is asked. Default: 2 s.
    package var attemptTimeout: Duration = .seconds(2)
    /// After this long without a message a watch asks whether its server is still there. Default: 5 s.
    package var watchProbeInterval: Duration = .seconds(5)

    package struct Credentials: Sendable, Hashable {
        package var user: String
        package var password: String

        package init(user: String, password: String) {
            self.user = user
            self.password = password
        }
    }

    /// - Throws: `.badOptions` without an endpoint.
    package init(endpoints: [NetworkEndpoint]) throws(EtcdError) {
        guard !endpoints.isEmpty else { throw .badOptions("etcd_endpoints is empty; give at least one, e.g. http://127.0.0.1:2379") }
        self.endpoints = endpoints
    }

    /// What a configuration says: the endpoints, and the `etcd` section if there is one. Reads the password file.
    ///
    /// - Throws: `.badOptions` for a password file that cannot be read or is empty.
    package init(endpoints: [NetworkEndpoint], access: EtcdAccessConfiguration?) throws(EtcdError) {
        try self.init(endpoints: endpoints)
        guard let access else { return }
        authorities = access.ca
        certificate = access.certificate
        privateKey = access.key
        if let user = access.username, let file = access.passwordFile {
            credentials = Credentials(user: user, password: try Self.firstLine(of: file))
        }
    }

    /// What all `https` endpoints share. Reads the PEM files.
    func makeTLS() throws(EtcdError) -> TLSContext {
        do {
            return try TLSContext.client(
                FluxonTLS.TLSConfiguration(
                    certificateChainPath: certificate, privateKeyPath: privateKey, trustedAuthoritiesPath: authorities))
        } catch {
            throw .badOptions("the etcd section of the configuration: \(error.message)")
        }
    }

    private static func firstLine(of file: String) throws(EtcdError) -> String {
        let bytes: [UInt8]
        do { bytes = try File.readAll(file, limit: passwordFileBytes) } catch {
            throw .badOptions("etcd.password_file: \(error)")
        }
        let line = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }, as: UTF8.self)
        guard !line.isEmpty else { throw .badOptions("etcd.password_file \(file): the first line is empty; write the password there") }
        return line
    }

    private static let passwordFileBytes = 64 << 10

    /// - Parameter endpoints: `http://host:port`, `https://host:port` or bare `host:port`.
    package init(parsing endpoints: [String]) throws(EtcdError) {
        var parsed: [NetworkEndpoint] = []
        for text in endpoints {
            guard let endpoint = NetworkEndpoint(text) else {
                throw .badOptions("'\(text)' is no etcd endpoint; write host:port, http://host:port or https://host:port")
            }
            parsed.append(endpoint)
        }
        try self.init(endpoints: parsed)
    }
}
