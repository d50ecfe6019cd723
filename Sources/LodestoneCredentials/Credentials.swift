// SPDX-License-Identifier: Apache-2.0
import Foundation
package import LodestoneCore
import LodestoneStructures

/// The credentials of a token file.
///
/// The table keeps only SHA-256 digests of tokens. A lookup compares the token's digest with every
/// entry, in constant time and without an early exit, so the time of a reply reveals nothing.
package struct Credentials: Sendable {
    /// The most tokens of one name at a time: the old one and the new one, while clients change.
    private static let maxPerName = 2

    /// The credentials, in the order of the file.
    package let entries: [Credential]
    /// The number of each credential's line, from 1.
    package let lineNumbers: [Int]
    private let tokens: [(digest: [UInt8], entry: Int)]
    private let subjects: [ByteString: Int]

    /// Reads a file of lines.
    ///
    /// - Throws: `BAD_TOKEN_FILE` when the file can't be read, when others may read it, or when a
    ///   line is malformed; the message names the line, never the token.
    package init(file path: String) throws(LodestoneError) {
        try self.init(text: try TokenFile(reading: path).text, path: path)
    }

    /// Reads the text of the file at `path`.
    ///
    /// A line is a JSON object, `TOKEN` for an admin, or `ROLE TOKEN`. Empty lines and lines that
    /// begin with `#` don't count. A line may end as on any system, and a byte order mark may
    /// stand in front.
    package init(text: String, path: String) throws(LodestoneError) {
        var entries: [Credential] = []
        var lineNumbers: [Int] = []
        var proofs: Set<Credential.Proof> = []
        var names: [String: (rights: Credential.Rights, current: Int)] = [:]
        let now = Self.now
        for (number, line) in TokenFile.lines(of: text) {
            do throws(CredentialProblem) {
                guard let entry = try CredentialLine.credential(of: line, number: number) else {
                    continue
                }
                guard proofs.insert(entry.proof).inserted else {
                    throw CredentialProblem(
                        "it repeats the token or the subject of an earlier line",
                        "Give each token one line."
                    )
                }
                var others = names[entry.name] ?? (entry.rights, 0)
                guard others.rights == entry.rights else {
                    throw CredentialProblem(
                        "an earlier line gives its name other rights",
                        "Give both lines the same role, collections, filter and limits, or give "
                            + "them different names."
                    )
                }
                if !entry.isExpired(at: now) { others.current += 1 }
                guard others.current <= Self.maxPerName else {
                    throw CredentialProblem(
                        "its name has \(others.current) tokens that have not expired; the limit is "
                            + "\(Self.maxPerName)",
                        "Revoke one with: lodestone token revoke"
                    )
                }
                names[entry.name] = others
                entries.append(entry)
                lineNumbers.append(number)
            } catch {
                throw .badTokenFile(path, "line \(number): \(error.message)", error.recovery)
            }
        }
        guard !entries.isEmpty else {
            throw .badTokenFile(
                path,
                "no line holds a token",
                "Make one with: lodestone token create"
            )
        }
        self.init(entries, lineNumbers)
    }

    private init(_ entries: [Credential], _ lineNumbers: [Int]) {
        self.entries = entries
        self.lineNumbers = lineNumbers
        var tokens: [(digest: [UInt8], entry: Int)] = []
        var subjects: [ByteString: Int] = [:]
        for (index, entry) in entries.enumerated() {
            switch entry.proof {
            case .token(let digest): tokens.append((digest, index))
            case .certificate(let subject): subjects[subject] = index
            }
        }
        self.tokens = tokens
        self.subjects = subjects
    }

    /// The credential of `token`; `nil` when it is absent, unknown or expired, which takes the same
    /// time.
    package func credential(forToken token: [UInt8]?) -> Credential? {
        let found = entry(withDigest: SHA256.digest(of: token ?? []))
        return token == nil ? nil : current(found)
    }

    /// The credential of a client certificate that the transport has verified.
    package func credential(forCertificateSubject subject: String) -> Credential? {
        current(subjects[ByteString(subject)])
    }

    /// The credential with the same proof as one of another table.
    package func credential(with proof: Credential.Proof) -> Credential? {
        switch proof {
        case .token(let digest): current(entry(withDigest: digest))
        case .certificate(let subject): current(subjects[subject])
        }
    }

    private func entry(withDigest digest: [UInt8]) -> Int? {
        var found: Int?
        for token in tokens where SHA256.areEqual(token.digest, digest) { found = token.entry }
        return found
    }

    private func current(_ index: Int?) -> Credential? {
        guard let index, !entries[index].isExpired(at: Self.now) else { return nil }
        return entries[index]
    }

    /// The time of the system's clock, in microseconds since 1970.
    package static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }
}

extension LodestoneError {
    /// The error for a token file that can't be used.
    static func badTokenFile(_ path: String, _ problem: String, _ recovery: String)
        -> LodestoneError
    {
        LodestoneError(
            .failedPrecondition,
            reason: .badTokenFile,
            "The token file '\(path)' can't be used: \(problem).",
            recovery: recovery,
            object: path
        )
    }
}
