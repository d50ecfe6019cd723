// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The reasons of a connection that can't be encrypted as configured.
extension LodestoneError.Reason {
    /// The certificate of the other end is not valid for it, or no known authority has signed it.
    package static let tlsCertificate = Self(rawValue: "TLS_CERTIFICATE")
    /// The other end has refused this end's certificate, or its lack of one.
    package static let tlsRefused = Self(rawValue: "TLS_REFUSED")
    /// The two ends could not agree on an encryption, or an encrypted record was not authentic.
    package static let tlsHandshake = Self(rawValue: "TLS_HANDSHAKE")
    /// The server speaks TLS, and the client sent clear text.
    package static let tlsRequired = Self(rawValue: "TLS_REQUIRED")
    /// The other end speaks no TLS.
    package static let notTLS = Self(rawValue: "NOT_TLS")
    /// A file with a certificate or a key can't be used.
    package static let badTLSFile = Self(rawValue: "BAD_TLS_FILE")
}
