// SPDX-License-Identifier: Apache-2.0
import COpenSSLTLS
import LodestoneSystem

/// A certificate (X.509).
final class Certificate {
    let pointer: OpaquePointer

    /// Takes over a reference.
    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit { X509_free(pointer) }

    /// The end of its validity, in seconds since 1970.
    var validUntil: Int64 {
        var time = tm()
        guard ASN1_TIME_to_tm(X509_get0_notAfter(pointer), &time) == 1 else { return 0 }
        return Int64(timegm(&time))
    }

    /// The identity that it proves; `nil` when its subject is too long or has no text.
    var identity: PeerIdentity? {
        guard let subject else { return nil }
        return PeerIdentity(subject: subject, alternativeName: alternativeName)
    }

    /// The longest name that is read, in bytes.
    private static let maxNameByteCount = 4_096

    private var subject: String? {
        guard let bio = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(bio) }
        guard lode_tls_subject(bio, pointer) >= 0 else { return nil }
        var text = [UInt8](repeating: 0, count: Self.maxNameByteCount + 1)
        let count = Int(BIO_read(bio, &text, Int32(text.count)))
        guard count > 0, count <= Self.maxNameByteCount else { return nil }
        return String(validating: text[..<count], as: UTF8.self)
    }

    /// The first name of a host or URI among the alternative names of the subject.
    private var alternativeName: String? {
        guard let names = X509_get_ext_d2i(pointer, NID_subject_alt_name, nil, nil) else {
            return nil
        }
        let list = OpaquePointer(names)
        defer { GENERAL_NAMES_free(list) }
        for index in 0..<max(0, OPENSSL_sk_num(list)) {
            guard let name = OPENSSL_sk_value(list, index) else { continue }
            var kind: Int32 = 0
            let value = GENERAL_NAME_get0_value(
                name.assumingMemoryBound(to: GENERAL_NAME.self),
                &kind
            )
            guard kind == GEN_DNS || kind == GEN_URI, let value else { continue }
            if let text = Self.text(value.assumingMemoryBound(to: ASN1_STRING.self)) { return text }
        }
        return nil
    }

    private static func text(_ string: UnsafePointer<ASN1_STRING>) -> String? {
        let count = Int(ASN1_STRING_length(string))
        guard count > 0, count <= maxNameByteCount, let first = ASN1_STRING_get0_data(string) else {
            return nil
        }
        let bytes = UnsafeBufferPointer(start: first, count: count)
        // A NUL would let a name look like its beginning.
        return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
    }
}

/// The identity of a client that has shown a valid certificate.
package struct PeerIdentity: Sendable, Hashable {
    /// The subject in the form of RFC 2253: `CN=app,O=Example`.
    package let subject: String
    /// The first name of a host or URI that the certificate is for.
    package let alternativeName: String?
}
