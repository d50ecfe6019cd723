// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Reasons why a server does not start.
extension LodestoneError.Reason {
    /// The server was started before.
    package static let startedTwice = Self(rawValue: "STARTED_TWICE")
    /// The address is open to other machines, and the server has no certificate to encrypt with.
    package static let cleartext = Self(rawValue: "CLEARTEXT")
    /// The address is open to other machines, and there is no token file.
    package static let noTokens = Self(rawValue: "NO_TOKENS")
    /// The audit log can't be written.
    package static let auditLog = Self(rawValue: "AUDIT_LOG")
}
