import FluxonTLS
import FluxonTestFiles

extension TestCertificates {
    /// - Parameter name: Whose certificate is shown; nil: none.
    func files(_ name: String?, trusting authority: String = "ca") -> TLSConfiguration {
        TLSConfiguration(
            certificateChainPath: name.map { path("\($0).pem") }, privateKeyPath: name.map { path("\($0).key") },
            trustedAuthoritiesPath: path("\(authority).pem"))
    }
}
