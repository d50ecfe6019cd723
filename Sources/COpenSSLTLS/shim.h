// SPDX-License-Identifier: Apache-2.0
// TLS of OpenSSL 3. Swift can't call macros with arguments, so a function here stands for each that
// is needed.
#ifndef LODE_OPENSSL_TLS_H
#define LODE_OPENSSL_TLS_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/// Sets the rules of both ends: TLS 1.2 at least, no renegotiation, no tickets, no memory of
/// sessions, and reads of `read_byte_count` bytes into memory that an idle connection gives back.
/// Returns 1 if all of that is possible.
static inline int lode_tls_set_up(SSL_CTX *context, size_t read_byte_count) {
    SSL_CTX_set_options(
        context,
        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET
            | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, read_byte_count);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

/// Adds a certificate to the chain that is sent.
static inline int lode_tls_add_to_chain(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

/// Tells the server the name that the client wants to talk to.
static inline int lode_tls_name_server(SSL *session, const char *name) {
    return (int)SSL_set_tlsext_host_name(session, name);
}

/// Writes the subject of a certificate to `out`, in the form of RFC 2253 and as UTF-8. Returns a
/// negative number when that fails.
static inline int lode_tls_subject(BIO *out, const X509 *certificate) {
    return X509_NAME_print_ex(
        out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
}

/// Notes on `bio` that a read must be repeated later.
static inline void lode_tls_retry_read(BIO *bio) { BIO_set_retry_read(bio); }

/// Forgets that a read must be repeated.
static inline void lode_tls_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }

#endif
