// OpenSSL for FluxonTLS, the only importer: its macros as functions, and what needs C callbacks.
#ifndef FLUXON_COPENSSL_H
#define FLUXON_COPENSSL_H
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

enum {
    cfluxon_tls_done = 0,
    cfluxon_tls_wants_bytes = 1,
    cfluxon_tls_closed = 2,
    cfluxon_tls_failed = 3,
};

// What is spoken within TLS, agreed on by ALPN.
enum {
    cfluxon_tls_http2 = 0,
    cfluxon_tls_bulk = 1,
};

// As ALPN writes it: the length, then the name.
static inline const char *cfluxon_tls_alpn(int protocol) { return protocol == cfluxon_tls_bulk ? "\x0b" "fluxon-bulk" : "\x02h2"; }

// Takes what this session speaks (its application data) if the client offers it.
static inline int cfluxon_tls_select(
    SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *offered, unsigned offered_length, void *argument) {
    (void)argument;
    const unsigned char *ours = SSL_get_app_data(ssl);
    for (unsigned i = 0; i < offered_length; i += offered[i] + 1u) {
        if (offered[i] == ours[0] && i + ours[0] < offered_length && memcmp(offered + i + 1, ours + 1, ours[0]) == 0) {
            *out = offered + i + 1;
            *out_length = ours[0];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// TLS 1.3 with ALPN, nothing else.
static inline SSL_CTX *cfluxon_tls_context(int is_server) {
    SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    if (!context) return NULL;
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    if (is_server) {
        SSL_CTX_set_alpn_select_cb(context, cfluxon_tls_select, NULL);
        // Tickets would let a client come back without its certificate being looked at again.
        SSL_CTX_set_num_tickets(context, 0);
    }
    return context;
}

static inline void cfluxon_tls_verify(SSL_CTX *context, int required) {
    SSL_CTX_set_verify(context, required ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE, NULL);
}

// What peers will think of this side's own certificate, as an X509_V code; without authorities only whether it is valid now.
static inline int cfluxon_tls_own_verdict(SSL_CTX *context, int has_authorities) {
    X509 *own = SSL_CTX_get0_certificate(context);
    if (!own) return X509_V_OK;
    if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0) return X509_V_ERR_CERT_HAS_EXPIRED;
    if (X509_cmp_current_time(X509_get0_notBefore(own)) > 0) return X509_V_ERR_CERT_NOT_YET_VALID;
    if (!has_authorities) return X509_V_OK;
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(context, &chain);
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    if (!check || !X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(context), own, chain)) {
        X509_STORE_CTX_free(check);
        return X509_V_OK;
    }
    int verdict = X509_verify_cert(check) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(check);
    X509_STORE_CTX_free(check);
    ERR_clear_error();
    return verdict;
}

// A session on two memory BIOs, for one of the protocols above. `host` (client): the name or numeric address that the certificate must be for.
static inline SSL *cfluxon_tls_session(SSL_CTX *context, int is_server, const char *host, int protocol) {
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (!ssl || !in || !out) {
        SSL_free(ssl);
        BIO_free(in);
        BIO_free(out);
        return NULL;
    }
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl, in, out);
    const char *alpn = cfluxon_tls_alpn(protocol);
    SSL_set_app_data(ssl, (void *)alpn);
    if (is_server) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
        SSL_set_alpn_protos(ssl, (const unsigned char *)alpn, (unsigned)alpn[0] + 1);
        if (!X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)) {
            ERR_clear_error();
            SSL_set1_host(ssl, host);
            SSL_set_tlsext_host_name(ssl, host);
        }
    }
    return ssl;
}

static inline int cfluxon_tls_state(SSL *ssl, int result) {
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_NONE: return cfluxon_tls_done;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return cfluxon_tls_wants_bytes;
    case SSL_ERROR_ZERO_RETURN: return cfluxon_tls_closed;
    default: return cfluxon_tls_failed;
    }
}

static inline int cfluxon_tls_handshake(SSL *ssl) {
    ERR_clear_error();
    int result = SSL_do_handshake(ssl);
    return result == 1 ? cfluxon_tls_done : cfluxon_tls_state(ssl, result);
}

static inline int cfluxon_tls_feed(SSL *ssl, const void *bytes, int count) { return BIO_write(SSL_get_rbio(ssl), bytes, count); }

// Decrypts into `buffer`; `*count` says how much when the result is "done".
static inline int cfluxon_tls_read(SSL *ssl, void *buffer, size_t capacity, size_t *count) {
    ERR_clear_error();
    int result = SSL_read_ex(ssl, buffer, capacity, count);
    return result == 1 ? cfluxon_tls_done : cfluxon_tls_state(ssl, result);
}

static inline int cfluxon_tls_write(SSL *ssl, const void *bytes, size_t count, size_t *written) {
    ERR_clear_error();
    int result = SSL_write_ex(ssl, bytes, count, written);
    return result == 1 ? cfluxon_tls_done : cfluxon_tls_state(ssl, result);
}

// What is to be sent; valid until `cfluxon_tls_output_taken`.
static inline size_t cfluxon_tls_output(SSL *ssl, const void **bytes) {
    char *data = NULL;
    long count = BIO_get_mem_data(SSL_get_wbio(ssl), &data);
    *bytes = data;
    return count > 0 ? (size_t)count : 0;
}

static inline void cfluxon_tls_output_taken(SSL *ssl) { (void)BIO_reset(SSL_get_wbio(ssl)); }

// Whether both sides agreed on the protocol of this session.
static inline int cfluxon_tls_has_protocol(SSL *ssl) {
    const char *ours = SSL_get_app_data(ssl);
    const unsigned char *name = NULL;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl, &name, &length);
    return length == (unsigned)ours[0] && memcmp(name, ours + 1, length) == 0;
}

// Bytes of the wire that were fed and not looked at, or decrypted and not read.
static inline int cfluxon_tls_has_pending(SSL *ssl) { return SSL_pending(ssl) > 0 || BIO_ctrl_pending(SSL_get_rbio(ssl)) > 0; }

// The common name in the peer's certificate, cut to `capacity`; returns its length or 0.
static inline int cfluxon_tls_peer_name(SSL *ssl, char *text, int capacity) {
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    if (!certificate) return 0;
    int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, capacity);
    return length > 0 ? length : 0;
}

static inline int cfluxon_tls_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int cfluxon_tls_error_is_tls(unsigned long code) { return ERR_GET_LIB(code) == ERR_LIB_SSL; }
#endif
