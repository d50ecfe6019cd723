// SPDX-License-Identifier: Apache-2.0
import Foundation
package import LodestoneCore
import LodestoneStructures
import LodestoneSystem

/// The credentials that a server accepts, each with its role.
///
/// The table keeps only SHA-256 digests of tokens. A lookup compares the token's digest with every
/// entry, in constant time and without an early exit, so the time of a reply reveals nothing.
package struct TokenTable: Sendable {
    /// The shortest token that a file may hold.
    ///
    /// Shorter tokens can be guessed.
    package static let minByteCount = 16
    /// The largest token file that is read.
    static let maxFileByteCount = 1 << 20

    private var entries: [(digest: [UInt8], role: Role)] = []

    /// Creates a table of tokens.
    package init(_ tokens: [(role: Role, token: String)]) {
        entries = tokens.map { (SHA256.digest(of: Array($0.token.utf8)), $0.role) }
    }

    /// The number of tokens.
    package var count: Int { entries.count }

    /// The role of `token`; `nil` when it is absent or unknown, which takes the same time.
    package func role(of token: [UInt8]?) -> Role? {
        let digest = SHA256.digest(of: token ?? [])
        var found: Role?
        for entry in entries where SHA256.areEqual(entry.digest, digest) { found = entry.role }
        return token == nil ? nil : found
    }

    /// Reads a file of lines `TOKEN`, for an admin, or `ROLE TOKEN` with the role read, write or
    /// admin.
    ///
    /// Empty lines and lines that begin with `#` don't count. A line may end as on any system, and
    /// a byte order mark may stand in front.
    ///
    /// - Throws: `.failedPrecondition` when the file can't be read, when others may read it, or
    ///   when a line is malformed; the message names the line, never the token.
    package init(file path: String) throws(LodestoneError) {
        let text = try Self.read(path)
        var tokens: [(role: Role, token: String)] = []
        // The separator is a `Character`, so that \r\n is one end of a line.
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            let role = words.count == 2 ? Role(name: first) : .admin
            guard let role, words.count <= 2, let token = words.last else {
                throw Self.bad(
                    path,
                    "line \(index + 1) is not 'TOKEN' or 'ROLE TOKEN'",
                    "Write one token per line, with read, write or admin in front."
                )
            }
            guard token.utf8.count >= Self.minByteCount else {
                throw Self.bad(
                    path,
                    "the token in line \(index + 1) has \(token.utf8.count) bytes; the least is "
                        + "\(Self.minByteCount)",
                    "Make one with: openssl rand -hex 32"
                )
            }
            guard !tokens.contains(where: { $0.token.hasSameBytes(as: String(token)) }) else {
                throw Self.bad(
                    path,
                    "line \(index + 1) repeats an earlier token",
                    "Give every token one line."
                )
            }
            tokens.append((role, String(token)))
        }
        guard !tokens.isEmpty else {
            throw Self.bad(path, "no line holds a token", "Make one with: openssl rand -hex 32")
        }
        self.init(tokens)
    }

    private static func read(_ path: String) throws(LodestoneError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw bad(
                path,
                "it can't be opened: \(String(cString: strerror(errno)))",
                "Check the path and its permissions."
            )
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw bad(path, "it is not a file", "Give the path of a file.")
        }
        guard status.st_mode & 0o007 == 0 else {
            throw bad(
                path,
                "everyone on this machine may read or change it",
                "Take the right away: chmod 600 \(path)"
            )
        }
        guard status.st_size <= maxFileByteCount else {
            throw bad(
                path,
                "it has \(status.st_size) bytes; the limit is \(maxFileByteCount)",
                "Give a file of tokens."
            )
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        guard let data = try? handle.readToEnd() ?? Data(),
            let text = String(validating: data.trimmingPrefix([0xEF, 0xBB, 0xBF]), as: UTF8.self)
        else {
            throw bad(path, "it can't be read as UTF-8 text", "Write it as plain text.")
        }
        return text
    }

    private static func bad(_ path: String, _ problem: String, _ recovery: String) -> LodestoneError
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
