// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneStructures

/// One line of a token file: the proof of a client, and the rights that it has.
package struct Credential: Sendable {
    /// The proof of a client's identity.
    package enum Proof: Sendable, Hashable {
        /// A token with this SHA-256 digest.
        case token(digest: [UInt8])
        /// A client certificate with this subject.
        case certificate(subject: ByteString)
    }

    /// The rights of a credential; two credentials of one name have the same.
    package struct Rights: Sendable, Equatable {
        /// The kinds of calls.
        package var role: Role
        /// The collections.
        package var collections: CollectionScope
        /// The filter that every document passes that the credential reads or writes; `nil`: all
        /// documents.
        package var filter: Filter?
        /// The text of `filter`.
        package var filterText: String?
        /// The most requests per second; `nil`: no limit.
        package var requestsPerSecond: Double?
        /// The most documents per second; `nil`: no limit.
        package var documentsPerSecond: Double?

        /// Creates rights to all documents of all collections, without a limit.
        package init(role: Role) {
            self.role = role
            collections = .all
        }
    }

    /// The name, for logs and limits.
    ///
    /// It has letters, digits, dots, hyphens and underscores. Only a line without a name has one
    /// with a space, such as `line 3`.
    package let name: String
    /// The proof.
    package let proof: Proof
    /// The rights.
    package let rights: Rights
    /// The end of its validity, in microseconds since 1970; `nil`: no end.
    package let expires: Int64?

    /// Creates a credential.
    package init(name: String, proof: Proof, rights: Rights, expires: Int64? = nil) {
        self.name = name
        self.proof = proof
        self.rights = rights
        self.expires = expires
    }

    /// The digits of a token's digest, or the subject, by which people tell credentials apart.
    package var id: String {
        switch proof {
        case .token(let digest): String(Hexadecimal.text(digest).prefix(12))
        case .certificate(let subject): subject.string
        }
    }

    /// Whether the credential has expired at a time in microseconds since 1970.
    package func isExpired(at now: Int64) -> Bool {
        guard let expires else { return false }
        return expires <= now
    }
}

/// The reason why a line is no credential, and the next step; never with a token.
package struct CredentialProblem: Error, Equatable {
    package let message: String
    package let recovery: String

    package init(_ message: String, _ recovery: String) {
        self.message = message
        self.recovery = recovery
    }
}
