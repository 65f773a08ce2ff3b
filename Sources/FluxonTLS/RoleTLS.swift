package import FluxonCore

/// Both sides of a role's TLS: it serves and calls with one certificate and one set of authorities (`tls` of its configuration).
package struct RoleTLS: Sendable {
    package let server: TLSContext
    package let client: TLSContext

    /// Nil without a `tls` section: then everything is cleartext.
    ///
    /// - Throws: what is wrong with the files.
    package init?(_ configuration: FluxonCore.TLSConfiguration?) throws(TLSError) {
        guard let configuration else { return nil }
        let files = TLSConfiguration(
            certificateChainPath: configuration.certificate, privateKeyPath: configuration.key, trustedAuthoritiesPath: configuration.ca,
            requiresClientCertificate: configuration.requiresClientCertificate)
        server = try TLSContext.server(files)
        client = try TLSContext.client(files)
    }
}
