internal import COpenSSL
private import Glibc
private import Synchronization

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

/// What all TLS connections of one side share: TLS 1.3, trust, and this side's certificate. Files that were replaced are read again for
/// the next connection; those that stand keep what they began with.
package final class TLSContext: Sendable {
    /// Told when replaced files are in force, or cannot be: then the old ones stay.
    package typealias ReloadObserver = @Sendable (TLSReload) -> Void

    private struct Loaded {
        var context: OpenSSLContext
        /// Of the files when they were read.
        var stamps: [FileStamp]
        /// Of files that could not be used.
        var refused: [FileStamp] = []
    }

    private let configuration: TLSConfiguration
    private let isServer: Bool
    private let onReload: ReloadObserver
    private let loaded: Mutex<Loaded>

    /// For listeners: needs certificate and key.
    package static func server(
        _ configuration: TLSConfiguration, onReload: @escaping ReloadObserver = { _ in }
    ) throws(TLSError) -> TLSContext {
        guard configuration.certificateChainPath != nil, configuration.privateKeyPath != nil else {
            throw TLSError(.file, "a TLS server needs a certificate and a private key; configure both files")
        }
        return try TLSContext(configuration, isServer: true, onReload)
    }

    /// For clients. The server's certificate is always verified, its host too.
    package static func client(
        _ configuration: TLSConfiguration, onReload: @escaping ReloadObserver = { _ in }
    ) throws(TLSError) -> TLSContext {
        try TLSContext(configuration, isServer: false, onReload)
    }

    private init(_ configuration: TLSConfiguration, isServer: Bool, _ onReload: @escaping ReloadObserver) throws(TLSError) {
        self.configuration = configuration
        self.isServer = isServer
        self.onReload = onReload
        let stamps = configuration.stamps
        loaded = Mutex(Loaded(context: try OpenSSLContext(configuration, isServer: isServer), stamps: stamps))
    }

    /// Why peers will not accept this side's certificate; nil: nothing is wrong with it that can be seen from here.
    package var ownProblem: TLSError? { current.ownProblem(configuration) }

    /// A session of one connection that speaks `protocol`. `host`: what the server's certificate must be for (clients).
    package func makeSession(host: String, peer: String, protocol: TLSProtocol) -> TLSSession {
        let context = current
        guard let session = cfluxon_tls_session(context.pointer, isServer ? 1 : 0, host, CInt(`protocol`.number)) else {
            preconditionFailure("out of memory")
        }
        return TLSSession(session: session, context: self, peer: peer, protocol: `protocol`)
    }

    /// Looks at the files once for each connection: three `stat` beside a handshake.
    private var current: OpenSSLContext {
        let stamps = configuration.stamps
        let (context, event) = loaded.withLock { loaded -> (OpenSSLContext, TLSReload?) in
            guard stamps != loaded.stamps, stamps != loaded.refused else { return (loaded.context, nil) }
            do throws(TLSError) {
                loaded = Loaded(context: try OpenSSLContext(configuration, isServer: isServer), stamps: stamps)
                return (loaded.context, loaded.context.ownProblem(configuration).map { .doubtful($0) } ?? .reloaded)
            } catch {
                // A certificate whose key is still to be written, say.
                loaded.refused = stamps
                return (loaded.context, .refused(error))
            }
        }
        if let event { onReload(event) }
        return context
    }
}

/// What came of files that were replaced.
package enum TLSReload: Sendable, CustomStringConvertible {
    case reloaded
    /// In force, and peers will not accept it.
    case doubtful(TLSError)
    /// Not in force: the old ones are.
    case refused(TLSError)

    package var isProblem: Bool { if case .reloaded = self { false } else { true } }

    package var description: String {
        switch self {
        case .reloaded: "certificate, key and authorities are read again: new connections use them"
        case .doubtful(let error): "\(error)"
        case .refused(let error): "\(error); the files from before stay in use"
        }
    }
}

/// Tells a file from what has replaced it.
private struct FileStamp: Hashable, Sendable {
    private var numbers: [Int]

    init(path: String) {
        var status = stat()
        numbers =
            stat(path, &status) == 0
            ? [Int(status.st_ino), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec] : []
    }
}

extension TLSConfiguration {
    fileprivate var stamps: [FileStamp] {
        [certificateChainPath, privateKeyPath, trustedAuthoritiesPath].map { $0.map(FileStamp.init(path:)) ?? FileStamp(path: "") }
    }
}

/// One reading of the files.
private final class OpenSSLContext: @unchecked Sendable {
    // SAFETY: an SSL_CTX is reference-counted and internally locked; it is not changed after `init`.
    let pointer: OpaquePointer

    init(_ configuration: TLSConfiguration, isServer: Bool) throws(TLSError) {
        guard let context = cfluxon_tls_context(isServer ? 1 : 0) else { throw TLSError(.failed, "OpenSSL made no context") }
        pointer = context
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

    deinit { SSL_CTX_free(pointer) }

    func ownProblem(_ configuration: TLSConfiguration) -> TLSError? {
        guard let path = configuration.certificateChainPath else { return nil }
        let verdict = cfluxon_tls_own_verdict(pointer, configuration.trustedAuthoritiesPath == nil ? 0 : 1)
        return verdict == X509_V_OK ? nil : .own(verdict, path)
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
