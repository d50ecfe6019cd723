// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneCore
import LodestoneCredentials
import LodestoneJSON

/// The commands that change a token file; they need no server.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes, lists and revokes the tokens of a server.",
        discussion: """
            The commands change the server's token file; no server is needed. A server that runs \
            reads the file again within a second or two. The file has digests, never tokens.

            lodestone token create reader --file tokens --role read --collections wiki 'logs-*'
            lodestone token create tenant-a --file tokens --role write --filter "tenant = 'a'"
            lodestone token revoke reader --file tokens
            """,
        subcommands: [Create.self, List.self, Revoke.self]
    )

    struct FileOption: ParsableArguments {
        @Option(help: "The token file of the server.", completion: .file()) var file: String
        @Flag(help: "Print JSON for programs.") var json = false
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a token and prints it, once.",
            discussion: """
                A second token of a name has the rights of the first: create the new one without \
                rights, give it to the clients, and revoke the old one by its id.
                """
        )

        @OptionGroup var target: FileOption
        @Argument(help: "Its name in logs: letters, digits, dots, hyphens and underscores.")
        var name: String
        @Option(help: "read, write or admin. (default: that of the name's other token)")
        var role: String?
        @Option(
            parsing: .upToNextOption,
            help: "Collections, and prefixes with a * at the end. (default: all)"
        )
        var collections: [String] = []
        @Option(help: "A filter that every document passes that the token reads or writes.")
        var filter: String?
        @Option(help: "The most requests per second.") var requestsPerSecond: Double?
        @Option(help: "The most documents per second.") var documentsPerSecond: Double?
        @Option(help: "Its end: a time such as 2027-01-01T00:00:00Z, or days from now, as in 90d.")
        var expires: String?
        @Option(
            help: "Instead of a token: the subject of client certificates, as in CN=app,O=Example."
        )
        var subject: String?

        mutating func run() async throws {
            let command = self
            try await CommandOutput.print(asJSON: target.json) { () throws(LodestoneError) in
                try command.create()
            }
        }

        private func create() throws(LodestoneError) -> CommandOutput {
            let token = subject == nil ? Token.make() : nil
            let proof: Credential.Proof =
                if let subject {
                    .certificate(subject: ByteString(subject))
                } else {
                    .token(digest: Token.digest(of: token ?? ""))
                }
            let end = try expires.map { text throws(LodestoneError) in try time(text) }
            let credential = try TokenFile.change(target.file) {
                (text: inout String) throws(LodestoneError) in
                let new = Credential(
                    name: name,
                    proof: proof,
                    rights: try rights(in: text),
                    expires: end
                )
                if text.isEmpty { text = "# Tokens of lodestoned, written by: lodestone token\n" }
                text = TokenFile.appending(new.line, to: text)
                return new
            }
            var members: [(String, JSON)] = [
                ("name", .string(name)), ("id", .string(credential.id)),
            ]
            if let token { members.append(("token", .string(token))) }
            return CommandOutput(
                text: token ?? "Added '\(name)' for certificates of \(credential.id).",
                json: .object(members)
            )
        }

        /// The rights of the options, or those of the name's other token.
        private func rights(in text: String) throws(LodestoneError) -> Credential.Rights {
            guard let role else {
                let other =
                    text.isEmpty
                    ? nil
                    : try Credentials(text: text, path: target.file).entries
                        .first { $0.name == name }
                guard let other, collections.isEmpty, filter == nil, requestsPerSecond == nil,
                    documentsPerSecond == nil
                else { throw wrong("--role is missing", "Give read, write or admin.") }
                return other.rights
            }
            guard let known = Role(name: role) else {
                throw wrong("'\(role)' is no role", "Give read, write or admin.")
            }
            var rights = Credential.Rights(role: known)
            if !collections.isEmpty {
                do throws(CredentialProblem) {
                    rights.collections = try CollectionScope(collections)
                } catch {
                    throw wrong(error.message, error.recovery)
                }
            }
            rights.filterText = filter
            rights.requestsPerSecond = requestsPerSecond
            rights.documentsPerSecond = documentsPerSecond
            return rights
        }

        private func time(_ text: String) throws(LodestoneError) -> Int64 {
            let time: Int64? =
                if text.hasSuffix("d"), let days = Int64(text.dropLast()), days <= 100_000 {
                    Credentials.now + days * 86_400_000_000
                } else {
                    try? TimestampText.parse(text)
                }
            guard let time, time > Credentials.now else {
                throw wrong(
                    "--expires '\(text)' is no time in the future",
                    "Write it as 2027-01-01T00:00:00Z, or as 90d."
                )
            }
            return time
        }

        private func wrong(_ problem: String, _ recovery: String) -> LodestoneError {
            .invalid(.token, "No token was made: \(problem).", recovery: recovery)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the tokens of a file.")

        @OptionGroup var target: FileOption

        mutating func run() async throws {
            let file = target.file
            try await CommandOutput.print(asJSON: target.json) { () throws(LodestoneError) in
                let credentials = try Credentials(file: file)
                var table = Table("id", "name", "role", "expires", "rights")
                for entry in credentials.entries {
                    table.add(
                        entry.id,
                        entry.name,
                        entry.rights.role.name,
                        Self.end(of: entry),
                        Self.summary(of: entry.rights)
                    )
                }
                return CommandOutput(
                    text: table.text,
                    json: .object([("tokens", .array(credentials.entries.map(Self.json)))])
                )
            }
        }

        private static func end(of entry: Credential) -> String {
            guard let expires = entry.expires else { return "never" }
            let text = TimestampText.format(microseconds: expires)
            return entry.isExpired(at: Credentials.now) ? "\(text) (expired)" : text
        }

        private static func summary(of rights: Credential.Rights) -> String {
            rights.members.dropFirst().map { "\($0.0) \($0.1.text)" }.joined(separator: ", ")
        }

        private static func json(_ entry: Credential) -> JSON {
            var members: [(String, JSON)] = [
                ("id", .string(entry.id)), ("name", .string(entry.name)),
            ]
            members += entry.rights.members
            if let expires = entry.expires {
                members += [
                    ("expires", .string(TimestampText.format(microseconds: expires))),
                    ("isExpired", .bool(entry.isExpired(at: Credentials.now))),
                ]
            }
            return .object(members)
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes tokens from a file.",
            discussion: """
                The connections of a revoked token are closed within a second or two. The last \
                token of a file stays: a file without tokens is not read.
                """
        )

        @OptionGroup var target: FileOption
        @Argument(help: "The name.") var name: String
        @Option(help: "The id of one of the name's tokens, or its beginning. (default: all)")
        var id: String?

        mutating func run() async throws {
            let command = self
            try await CommandOutput.print(asJSON: target.json) { () throws(LodestoneError) in
                let ids = try command.revoke()
                return CommandOutput(
                    text: "Revoked '\(command.name)': \(ids.joined(separator: ", ")).",
                    json: .object([
                        ("name", .string(command.name)),
                        ("revoked", .array(ids.map { .string($0) })),
                    ])
                )
            }
        }

        private func revoke() throws(LodestoneError) -> [String] {
            try TokenFile.change(target.file) { (text: inout String) throws(LodestoneError) in
                let credentials = try Credentials(text: text, path: target.file)
                let found = credentials.entries.indices.filter { index in
                    credentials.entries[index].name.hasSameBytes(as: name)
                        && (id.map { credentials.entries[index].id.hasPrefix($0) } ?? true)
                }
                guard !found.isEmpty else {
                    throw LodestoneError(
                        .notFound,
                        reason: .noToken,
                        "'\(target.file)' has no token '\(name)'\(id.map { " with id '\($0)'" } ?? "").",
                        recovery: "List the tokens with: lodestone token list",
                        object: name
                    )
                }
                text = TokenFile.removing(
                    Set(found.map { credentials.lineNumbers[$0] }),
                    from: text
                )
                return found.map { credentials.entries[$0].id }
            }
        }
    }
}
