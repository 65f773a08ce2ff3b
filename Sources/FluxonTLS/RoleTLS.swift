package import FluxonCore

/// Both sides of a role's TLS: it serves and calls with one certificate and one set of authorities (`tls` of its configuration).
package struct RoleTLS: Sendable {
    package let server: TLSContext
    package let client: TLSContext

    /// Why peers will not accept this role's certificate; nil: nothing is wrong with it that can be seen from here.
    package var ownProblem: TLSError? { server.ownProblem }

    /// Nil without a `tls` section: then everything is cleartext.
    ///
    /// - Parameter onReload: Told when files were replaced. Both sides read the same ones: it is told once.
    /// - Throws: what is wrong with the files.
    package init?(
        _ configuration: FluxonCore.TLSConfiguration?, onReload: @escaping TLSContext.ReloadObserver = { _ in }
    ) throws(TLSError) {
        guard let configuration else { return nil }
        let files = TLSConfiguration(
            certificateChainPath: configuration.certificate, privateKeyPath: configuration.key, trustedAuthoritiesPath: configuration.ca,
            requiresClientCertificate: configuration.requiresClientCertificate)
        server = try TLSContext.server(files, onReload: onReload)
        client = try TLSContext.client(files)
    }
}
