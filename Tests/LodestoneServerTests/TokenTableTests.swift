// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneServer
import TestSupport
import Testing

@Suite("Token table")
struct TokenTableTests {
    @Test("A token has the role of its line, and a token alone is an admin's")
    func roles() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(
            "tokens",
            """
            # who may do what
            read reader-0123456789abcdef

            write\twriter-0123456789abcdef
            admin admin-0123456789abcdef
            plain-0123456789abcdef
            """
        )
        let tokens = try TokenTable(file: file)
        #expect(tokens.count == 4)
        #expect(tokens.role(of: Array("reader-0123456789abcdef".utf8)) == .read)
        #expect(tokens.role(of: Array("writer-0123456789abcdef".utf8)) == .write)
        #expect(tokens.role(of: Array("admin-0123456789abcdef".utf8)) == .admin)
        #expect(tokens.role(of: Array("plain-0123456789abcdef".utf8)) == .admin)
    }

    @Test(
        "Tokens are read with any line ending, with a byte order mark or without",
        arguments: ["\n", "\r\n", "\r"],
        ["", "\u{FEFF}"]
    )
    func lineEnds(end: String, mark: String) throws {
        let directory = try TemporaryDirectory()
        let lines = [
            "# who may do what", "read reader-0123456789abcdef", "", "plain-0123456789abcdef", "",
        ]
        for first in 0...1 {
            let text = mark + lines[first...].joined(separator: end)
            let tokens = try TokenTable(file: try directory.write("tokens\(first)", text))
            #expect(tokens.count == 2)
            #expect(tokens.role(of: Array("reader-0123456789abcdef".utf8)) == .read)
            #expect(tokens.role(of: Array("plain-0123456789abcdef".utf8)) == .admin)
            #expect(tokens.role(of: Array("plain-0123456789abcdef\(end)".utf8)) == nil)
        }
        let bad = try directory.write("bad", mark + "# one\(end)root secret-0123456789abc\(end)")
        let error = #expect(throws: LodestoneError.self) { try TokenTable(file: bad) }
        #expect(error?.message.contains("line 2") == true)
    }

    @Test("Look-alike tokens are distinct", arguments: LookAlikes.all)
    func lookAlikes(pair: LookAlikes) throws {
        let directory = try TemporaryDirectory()
        let tokens = [pair.first, pair.second].map { "0123456789abcdef-\($0)" }
        let table = try TokenTable(
            file: try directory.write("tokens", "read \(tokens[0])\nwrite \(tokens[1])\n")
        )
        #expect(table.role(of: Array(tokens[0].utf8)) == .read)
        #expect(table.role(of: Array(tokens[1].utf8)) == .write)
    }

    @Test(
        "An absent, empty, truncated, prolonged or unknown token has no role",
        arguments: [nil, "", "reader-0123456789abcde", "reader-0123456789abcdef0", "other"]
    )
    func unknown(token: String?) {
        let tokens = TokenTable([(.read, "reader-0123456789abcdef")])
        #expect(tokens.role(of: token.map { Array($0.utf8) }) == nil)
    }

    @Test(
        "A token file that all users may read is refused",
        arguments: [0o604, 0o602, 0o644, 0o601]
    )
    func worldReadable(mode: Int) throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("tokens", "plain-0123456789abcdef", mode: mode)
        let error = #expect(throws: LodestoneError.self) { try TokenTable(file: file) }
        #expect(error?.reason == .badTokenFile)
        #expect(error?.recovery.contains("chmod 600") == true)
    }

    @Test(
        "A malformed token file is refused with its line and without its tokens",
        arguments: [
            ("read secret-0123456789 more", "line 1"), ("\nroot secret-0123456789abc", "line 2"),
            ("secret", "line 1"), ("", "no line"), ("# nothing", "no line"),
            ("secret-0123456789\nread secret-0123456789", "line 2"),
        ]
    )
    func malformed(text: String, wrongPart: String) throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("tokens", text)
        let error = #expect(throws: LodestoneError.self) { try TokenTable(file: file) }
        #expect(error?.message.contains(wrongPart) == true)
        #expect(error?.description.contains("secret") == false)
    }

    @Test("A missing token file is refused with its path")
    func missing() {
        let error = #expect(throws: LodestoneError.self) { try TokenTable(file: "/nowhere/tokens") }
        #expect(error?.message.contains("/nowhere/tokens") == true)
    }
}

@Suite("Access")
struct AccessTests {
    @Test("Every call is permitted from its least role up", arguments: CallKind.allCases)
    func matrix(kind: CallKind) {
        let least: Role =
            switch kind {
            case .hello, .ping, .cancel, .listCollections, .describeCollection, .stats, .get, .scan,
                .count,
                .search, .walk, .listEdges:
                .read
            case .indexMany, .dropMany: .write
            case .createCollection, .alterCollection, .dropCollection, .buildIndex, .compact,
                .snapshot, .listSnapshots, .deleteSnapshot, .fetchSnapshot, .erase, .verify:
                .admin
            }
        #expect(Role.allCases.filter { $0.allows(kind) } == Role.allCases.filter { $0 >= least })
    }
}
