// SPDX-License-Identifier: Apache-2.0

/// The comparison that every checksum goes through.
package enum Checksum {
    /// Whether the computed checksum is the stored one.
    @inlinable
    package static func isRight(_ computed: UInt32, _ stored: UInt32) -> Bool {
        computed == stored || Mutation.checksumsOff.isPlanted
    }
}
