internal import COpenSSL

/// Certificates, key and trust of one side, read from PEM files.
package struct TLSConfiguration: Sendable, Hashable {
    /// Our certificate, followed by those between it and its authority. Servers need one; clients where the server asks.
    package var certificateChainPath: String?
    package var privateKeyPath: String?
    /// The authorities that may vouch for the peer; nil: those of the system (clients only).
    package var trustedAuthoritiesPath: String?
    /// Server: refuse clients without a certificate of a trusted authority (mutual TLS). Default: true when authorities are given.
    package var requiresClientCertificate: Bool

    package init(
        certificateChainPath: String? = nil, privateKeyPath: String? = nil, trustedAuthoritiesPath: String? = nil,
        requiresClientCertificate: Bool? = nil
    ) {
        self.certificateChainPath = certificateChainPath
        self.privateKeyPath = privateKeyPath
        self.trustedAuthoritiesPath = trustedAuthoritiesPath
        self.requiresClientCertificate = requiresClientCertificate ?? (trustedAuthoritiesPath != nil)
    }
}

/// What all TLS connections of one side share: TLS 1.3, trust, and this side's certificate.
package final class TLSContext: @unchecked Sendable {
    // SAFETY: an SSL_CTX is reference-counted and internally locked; it is not changed after `init`.
    private let context: OpaquePointer
    private let isServer: Bool

    /// For listeners: needs certificate and key.
    package static func server(_ configuration: TLSConfiguration) throws(TLSError) -> TLSContext {
        guard configuration.certificateChainPath != nil, configuration.privateKeyPath != nil else {
            throw TLSError(.file, "a TLS server needs a certificate and a private key; configure both files")
        }
        return try TLSContext(configuration, isServer: true)
    }

    /// For clients. The server's certificate is always verified, its host too.
    package static func client(_ configuration: TLSConfiguration) throws(TLSError) -> TLSContext {
        try TLSContext(configuration, isServer: false)
    }

    private init(_ configuration: TLSConfiguration, isServer: Bool) throws(TLSError) {
        guard let context = cfluxon_tls_context(isServer ? 1 : 0) else { throw TLSError(.failed, "OpenSSL made no context") }
        self.context = context
        self.isServer = isServer
        if let path = configuration.certificateChainPath {
            guard SSL_CTX_use_certificate_chain_file(context, path) == 1 else { throw .file("the certificate", path) }
        }
        if let path = configuration.privateKeyPath {
            guard SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1 else { throw .file("the private key", path) }
            guard SSL_CTX_check_private_key(context) == 1 else { throw .file("the private key (not that of the certificate)", path) }
        }
        if let path = configuration.trustedAuthoritiesPath {
            guard SSL_CTX_load_verify_file(context, path) == 1 else { throw .file("the trusted authorities", path) }
        } else if !isServer {
            SSL_CTX_set_default_verify_paths(context)
        }
        cfluxon_tls_verify(context, !isServer || configuration.requiresClientCertificate ? 1 : 0)
    }

    deinit { SSL_CTX_free(context) }

    /// A session of one connection that speaks `protocol`. `host`: what the server's certificate must be for (clients).
    package func makeSession(host: String, peer: String, protocol: TLSProtocol) -> TLSSession {
        guard let session = cfluxon_tls_session(context, isServer ? 1 : 0, host, CInt(`protocol`.number)) else {
            preconditionFailure("out of memory")
        }
        return TLSSession(session: session, context: self, peer: peer, protocol: `protocol`)
    }
}

/// What is spoken within TLS. Both sides must mean the same (ALPN): a port of one kind is never taken for another.
package enum TLSProtocol: String, Sendable {
    /// gRPC of the roles, and of etcd.
    case http2 = "HTTP/2 (ALPN h2)"
    /// Values from owner to owner.
    case bulk = "bulk transfers (ALPN fluxon-bulk)"

    fileprivate var number: Int {
        switch self {
        case .http2: cfluxon_tls_http2
        case .bulk: cfluxon_tls_bulk
        }
    }
}
