internal import COpenSSL

/// Why a connection could not be made secure. Says on whom, and what to do.
package struct TLSError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// A file of certificates or a key cannot be used.
        case file
        /// No trusted authority vouches for the peer's certificate.
        case untrusted
        /// The peer's certificate is over, or not valid yet.
        case expired
        /// The peer's certificate is for another host.
        case wrongHost
        /// The peer does not speak TLS.
        case notTLS
        /// The peer speaks TLS, and this side is configured without.
        case needsTLS
        /// The peer does not offer the protocol that this side speaks in TLS.
        case otherProtocol
        /// The peer asks for a certificate, or does not accept ours.
        case refusedByPeer
        /// Anything else that broke the protocol.
        case failed
    }

    package let kind: Kind
    package let message: String

    package var description: String { message }

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// A file that OpenSSL did not take.
    static func file(_ what: String, _ path: String) -> TLSError {
        TLSError(.file, "\(what) \(path) cannot be used: \(lastWords()); give a PEM file that this user may read")
    }

    /// What OpenSSL left behind after a failed step with `peer`.
    static func failure(of session: OpaquePointer, peer: String, protocol: TLSProtocol) -> TLSError {
        let verdict = SSL_get_verify_result(session)
        if verdict != X509_V_OK { return certificate(verdict, peer: peer) }
        let code = ERR_peek_last_error()
        let words = lastWords()
        let reason = cfluxon_tls_error_is_tls(code) != 0 ? cfluxon_tls_error_reason(code) : 0
        switch reason {
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_UNEXPECTED_MESSAGE, SSL_R_PACKET_LENGTH_TOO_LONG:
            return TLSError(
                .notTLS, "\(peer) does not speak TLS here (\(words)); check that both sides are configured with tls, and the port")
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
            return TLSError(.failed, "\(peer) does not speak TLS 1.3 (\(words))")
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return TLSError(.untrusted, "\(peer) showed no certificate, and one is required; configure its certificate and key")
        case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: return otherProtocol(peer, `protocol`)
        case let reason where reason > 1000 && reason < 1256:
            return TLSError(
                .refusedByPeer, "\(peer) refused this side: \(words); check our certificate, key and the authorities that it trusts")
        default: return TLSError(.failed, "TLS with \(peer) failed: \(words)")
        }
    }

    package static func needsTLS(_ peer: String) -> TLSError {
        TLSError(.needsTLS, "\(peer) speaks TLS and this side does not; configure tls on both sides, or on neither")
    }

    static func otherProtocol(_ peer: String, _ ours: TLSProtocol) -> TLSError {
        TLSError(.otherProtocol, "\(peer) speaks TLS but does not offer \(ours.rawValue); check the address and its port")
    }

    /// What is wrong with this side's own certificate.
    static func own(_ verdict: CInt, _ path: String) -> TLSError {
        let words = String(cString: X509_verify_cert_error_string(Int(verdict)))
        switch verdict {
        case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID:
            return TLSError(
                .expired,
                "our own certificate \(path) is not valid now (\(words)): peers refuse it; renew it, and check this machine's clock")
        default:
            return TLSError(
                .untrusted,
                "our own certificate \(path) is not one of our trusted authorities' (\(words)): peers that trust the same ones refuse it; give "
                    + "a certificate of theirs, or correct tls.ca")
        }
    }

    private static func certificate(_ verdict: Int, peer: String) -> TLSError {
        let words = String(cString: X509_verify_cert_error_string(verdict))
        switch Int32(truncatingIfNeeded: verdict) {
        case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID:
            return TLSError(.expired, "the certificate of \(peer) is not valid now (\(words)); renew it, and check both clocks")
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            return TLSError(.wrongHost, "the certificate of \(peer) is for another host (\(words)); it needs that name or address as a SAN")
        default:
            return TLSError(.untrusted, "the certificate of \(peer) is not trusted (\(words)); check the file of trusted authorities")
        }
    }

    private static func lastWords() -> String {
        let code = ERR_peek_last_error()
        defer { ERR_clear_error() }
        guard code != 0 else { return "the connection ended" }
        if let text = ERR_reason_error_string(code) { return String(cString: text) }
        return "OpenSSL error \(code)"
    }
}
