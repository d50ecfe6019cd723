// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Reasons why a token file can't be used.
extension LodestoneError.Reason {
    /// The token file can't be used.
    package static let badTokenFile = Self(rawValue: "BAD_TOKEN_FILE")
    /// The token file has no token of this name.
    package static let noToken = Self(rawValue: "NO_TOKEN")
}
