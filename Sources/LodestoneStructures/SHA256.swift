// SPDX-License-Identifier: Apache-2.0
import COpenSSL

/// The SHA-256 digest (FIPS 180-4) of bytes that come in pieces, computed by OpenSSL.
///
/// Threading: one thread at a time.
package final class SHA256 {
    /// The bytes of a digest.
    package static let byteCount = 32

    private let context: OpaquePointer

    /// Creates the digest of no bytes.
    package init() {
        // OpenSSL fails here only without memory, or where an administrator has forbidden SHA-256.
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
        else { fatalError("OpenSSL has no SHA-256, or no memory for it.") }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds the next bytes.
    package func update(_ bytes: UnsafeRawBufferPointer) {
        guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
            fatalError("OpenSSL can't continue a SHA-256.")
        }
    }

    /// Ends the digest; nothing may be added afterwards.
    ///
    /// - Returns: 32 bytes.
    package func finalize() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            guard EVP_DigestFinal_ex(context, buffer.baseAddress, nil) == 1 else {
                fatalError("OpenSSL can't end a SHA-256.")
            }
            count = Self.byteCount
        }
    }

    /// The digest of some bytes.
    package static func digest(of bytes: [UInt8]) -> [UInt8] {
        let sum = SHA256()
        bytes.withUnsafeBytes { sum.update($0) }
        return sum.finalize()
    }

    /// Whether two digests are equal, in a time that does not depend on their bytes.
    package static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
    }
}
