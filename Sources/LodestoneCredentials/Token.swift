// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// Tokens: the secrets of clients.
package enum Token {
    /// The shortest token that a file may hold as text.
    ///
    /// Shorter tokens can be guessed.
    package static let minByteCount = 16
    /// The beginning of a token that `make` makes, by which scanners of secrets recognize it.
    package static let prefix = "lode_"

    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".unicodeScalars
    )

    /// A new token: the prefix, and 32 random bytes in base64url without padding.
    package static func make() -> String {
        // The system's generator is the kernel's.
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: 0 ... .max, using: &generator) }
        var text = String.UnicodeScalarView(prefix.unicodeScalars)
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[Int(bits >> UInt32(count) & 63)])
            }
        }
        text.append(alphabet[Int(bits << UInt32(6 - count) & 63)])
        return String(text)
    }

    /// The digest by which a file lists a token.
    package static func digest(of token: String) -> [UInt8] {
        SHA256.digest(of: Array(token.utf8))
    }
}
