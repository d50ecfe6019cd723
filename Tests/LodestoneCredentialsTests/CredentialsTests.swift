// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneCredentials
import LodestoneStructures
import TestSupport
import Testing

@Suite("Credentials")
struct CredentialsTests {
    private func table(_ text: String) throws -> Credentials {
        try Credentials(text: text, path: "tokens")
    }

    private func role(_ table: Credentials, _ token: String?) -> Role? {
        table.credential(forToken: token.map { Array($0.utf8) })?.rights.role
    }

    private func digest(_ token: String) -> String {
        Hexadecimal.text(Token.digest(of: token))
    }

    // MARK: Plain lines

    @Test("A plain line's token has the role of its line, and a token alone is an admin's")
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
        let tokens = try Credentials(file: file)
        #expect(tokens.entries.map(\.name) == ["line 2", "line 4", "line 5", "line 6"])
        #expect(role(tokens, "reader-0123456789abcdef") == .read)
        #expect(role(tokens, "writer-0123456789abcdef") == .write)
        #expect(role(tokens, "admin-0123456789abcdef") == .admin)
        #expect(role(tokens, "plain-0123456789abcdef") == .admin)
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
            let tokens = try Credentials(file: try directory.write("tokens\(first)", text))
            #expect(tokens.entries.count == 2)
            #expect(role(tokens, "reader-0123456789abcdef") == .read)
            #expect(role(tokens, "plain-0123456789abcdef") == .admin)
            #expect(role(tokens, "plain-0123456789abcdef\(end)") == nil)
        }
        let bad = try directory.write("bad", mark + "# one\(end)root secret-0123456789abc\(end)")
        let error = #expect(throws: LodestoneError.self) { try Credentials(file: bad) }
        #expect(error?.message.contains("line 2") == true)
    }

    @Test("Look-alike tokens are distinct", arguments: LookAlikes.all)
    func lookAlikes(pair: LookAlikes) throws {
        let tokens = [pair.first, pair.second].map { "0123456789abcdef-\($0)" }
        let table = try table("read \(tokens[0])\nwrite \(tokens[1])\n")
        #expect(role(table, tokens[0]) == .read)
        #expect(role(table, tokens[1]) == .write)
    }

    @Test(
        "An absent, empty, truncated, prolonged or unknown token has no credential",
        arguments: [nil, "", "reader-0123456789abcde", "reader-0123456789abcdef0", "other"]
    )
    func unknown(token: String?) throws {
        #expect(role(try table("read reader-0123456789abcdef"), token) == nil)
    }

    // MARK: Objects

    @Test("A line in JSON gives the name, the role, the scope, the filter and the limits it says")
    func object() throws {
        let table = try table(
            """
            {"name":"reader","sha256":"\(digest("a"))","role":"read","collections":["wiki","logs-*"],\
            "filter":"tenant = 'a'","requestsPerSecond":100,"documentsPerSecond":0.5,\
            "expires":"2999-01-01T00:00:00Z"}
            {"subject":"CN=app,O=Example","role":"admin","name":"app"}
            """
        )
        let reader = try #require(table.credential(forToken: Array("a".utf8)))
        #expect(reader.name == "reader")
        #expect(reader.rights.role == .read)
        #expect(reader.rights.filter == .equal(path: ["tenant"], "a"))
        #expect(reader.rights.requestsPerSecond == 100)
        #expect(reader.rights.documentsPerSecond == 0.5)
        for (collection, isIn) in [
            ("wiki", true), ("wiki2", false), ("wik", false), ("logs-", true), ("logs-1", true),
            ("log", false), ("", false), ("WIKI", false), ("wi\u{212A}i", false),
        ] {
            #expect(reader.rights.collections.contains(collection) == isIn, "\(collection)")
        }
        let app = try #require(table.credential(forCertificateSubject: "CN=app,O=Example"))
        #expect(app.name == "app" && app.rights.collections == .all && app.rights.filter == nil)
        #expect(table.credential(forCertificateSubject: "CN=app,O=example") == nil)
        #expect(table.credential(forCertificateSubject: "") == nil)
        #expect(table.credential(forToken: Array("CN=app,O=Example".utf8)) == nil)
    }

    @Test("A credential is refused once it has expired")
    func expiry() throws {
        let table = try table(
            """
            {"name":"old","sha256":"\(digest("old"))","role":"read","expires":"2020-01-01T00:00:00Z"}
            {"name":"new","sha256":"\(digest("new"))","role":"read","expires":"2999-01-01T00:00:00Z"}
            {"name":"card","subject":"CN=a","role":"read","expires":"2020-01-01T00:00:00Z"}
            """
        )
        #expect(role(table, "old") == nil)
        #expect(role(table, "new") == .read)
        #expect(table.credential(forCertificateSubject: "CN=a") == nil)
        #expect(table.credential(with: .token(digest: Token.digest(of: "old"))) == nil)
        #expect(table.credential(with: .token(digest: Token.digest(of: "new")))?.name == "new")
    }

    @Test("Two tokens of one name with equal rights are accepted, a third only after one expired")
    func rotation() throws {
        func line(_ token: String, _ rest: String = "") -> String {
            #"{"name":"app","role":"read","sha256":"\#(digest(token))"\#(rest)}"#
        }
        let expired = line("c", #","expires":"2020-01-01T00:00:00Z""#)
        let two = [line("a"), line("b")]
        #expect(try table(two.joined(separator: "\n")).entries.count == 2)
        #expect(try table((two + [expired]).joined(separator: "\n")).entries.count == 3)
        let third = #expect(throws: LodestoneError.self) {
            try table((two + [line("c")]).joined(separator: "\n"))
        }
        #expect(third?.message.contains("line 3") == true)
        let other = line("b", #","collections":["x"]"#)
        let differs = #expect(throws: LodestoneError.self) {
            try table(line("a") + "\n" + other)
        }
        #expect(differs?.message.contains("line 2") == true)
    }

    // MARK: Refusals

    @Test(
        "A malformed line is refused with its number and without its token",
        arguments: [
            ("read secret-0123456789 more", "line 1"), ("\nroot secret-0123456789abc", "line 2"),
            ("secret", "line 1"), ("", "no line"), ("# nothing", "no line"),
            ("secret-0123456789\nread secret-0123456789", "line 2"),
            (#"{"name":"secret-0123456789"}"#, "role"),
            (#"{"secret-0123456789":1}"#, "unknown member"),
            (#"{"name":"a","role":"secret-0123456789"}"#, "role"),
            (#"{"name":"a","role":"read"}"#, "sha256 or subject"),
            (#"{"name":"a","role":"read","sha256":"secret-0123456789"}"#, "64 hexadecimal"),
            (#"{"name":"a","role":"read","subject":""}"#, "subject"),
            (#"{"name":"a","role":"read","subject":"CN=a","sha256":"00"}"#, "either"),
            (#"{"name":"a","role":"read","role":"admin","subject":"CN=a"}"#, "role twice"),
            (#"{"name":"a b","role":"read","subject":"CN=a"}"#, "no name"),
            (#"{"name":"a","role":"read","subject":"CN=a","filter":"tenant ="}"#, "column 9"),
            (#"{"name":"a","role":"admin","subject":"CN=a","filter":"a = 1"}"#, "admin"),
            (#"{"name":"a","role":"read","subject":"CN=a","filter":1}"#, "filter"),
            (#"{"name":"a","role":"read","subject":"CN=a","collections":[]}"#, "0 names"),
            (#"{"name":"a","role":"read","subject":"CN=a","collections":["*"]}"#, "no name"),
            (#"{"name":"a","role":"read","subject":"CN=a","collections":["a*b"]}"#, "no name"),
            (#"{"name":"a","role":"read","subject":"CN=a","collections":"a"}"#, "array"),
            (#"{"name":"a","role":"read","subject":"CN=a","collections":null}"#, "array"),
            (#"{"name":"a","role":"read","subject":"CN=a","expires":"2027-02-30"}"#, "expires"),
            (#"{"name":"a","role":"read","subject":"CN=a","expires":1}"#, "expires"),
            (#"{"name":"a","role":"read","subject":"CN=a","requestsPerSecond":0}"#, "requests"),
            (#"{"name":"a","role":"read","subject":"CN=a","documentsPerSecond":"1"}"#, "documents"),
            (#"{"name":"a","role":"read","subject":"CN=a""#, "no JSON"),
            (#"{"name":"a","role":"read","subject":"CN=a"} secret-0123456789"#, "no JSON"),
            (
                #"{"name":"a","role":"read","subject":"CN=a"}"# + "\n"
                    + #"{"name":"b","role":"read","subject":"CN=a"}"#, "line 2"
            ),
            (
                #"{"name":"a","role":"read","subject":"\#(String(repeating: "a", count: 20_000))"}"#,
                "limit is 16384"
            ),
        ]
    )
    func malformed(text: String, says: String) throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("tokens", text)
        let error = #expect(throws: LodestoneError.self) { try Credentials(file: file) }
        #expect(error?.reason == .badTokenFile)
        #expect(error?.message.contains(says) == true, "\(error?.message ?? "")")
        #expect(error?.description.contains("secret") == false)
    }

    @Test(
        "A token file that all users may read is refused",
        arguments: [0o604, 0o602, 0o644, 0o601]
    )
    func worldReadable(mode: Int) throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("tokens", "plain-0123456789abcdef", mode: mode)
        let error = #expect(throws: LodestoneError.self) { try Credentials(file: file) }
        #expect(error?.reason == .badTokenFile)
        #expect(error?.recovery.contains("chmod 600") == true)
    }

    @Test("A missing token file, a directory, a pipe and a file over a mebibyte are refused")
    func noFile() throws {
        let directory = try TemporaryDirectory()
        let long = try directory.write("long", String(repeating: "#\n", count: 600_000))
        let pipe = directory.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in ["/nowhere/tokens", directory.path, pipe, long] {
            let error = #expect(throws: LodestoneError.self) { try Credentials(file: path) }
            #expect(error?.message.contains(path) == true)
        }
    }

    // MARK: Tokens and changes of files

    @Test("Made tokens are recognizable, distinct and of 256 random bits")
    func tokens() {
        let tokens = Set((0..<1_000).map { _ in Token.make() })
        #expect(tokens.count == 1_000)
        for token in tokens {
            #expect(token.hasPrefix("lode_") && token.utf8.count == 5 + 43)
            #expect(
                token.utf8.dropFirst(5).allSatisfy {
                    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
                        .contains($0)
                }
            )
        }
        // Each of the 64 characters occurs at each place: no bit is constant.
        for place in 5..<47 {
            let characters = Set(tokens.map { Array($0.utf8)[place] })
            #expect(characters.count == 64, "place \(place)")
        }
    }

    @Test("A change of a file keeps other lines, its rights and its place behind a link")
    func change() throws {
        let directory = try TemporaryDirectory()
        let text =
            "# keep me\r\n\r\nread reader-0123456789abcdef\r\n\nwrite writer-0123456789abcdef"
        let file = try directory.write("tokens", text, mode: 0o640)
        let link = directory.path + "/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
        try TokenFile.change(link) { (text: inout String) throws(LodestoneError) in
            text = TokenFile.removing([3], from: text)
            text = TokenFile.appending("admin admin-0123456789abcdef", to: text)
        }
        let changed = try String(contentsOfFile: file, encoding: .utf8)
        let expected =
            "# keep me\r\n\r\n\nwrite writer-0123456789abcdef\nadmin admin-0123456789abcdef\n"
        #expect(Array(changed.utf8) == Array(expected.utf8))
        let attributes = try FileManager.default.attributesOfItem(atPath: file)
        #expect(attributes[.posixPermissions] as? Int == 0o640)
        let kind = try FileManager.default.attributesOfItem(atPath: link)[.type]
        #expect(kind as? FileAttributeType == .typeSymbolicLink)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).count == 2)
    }

    @Test("A change that would leave no valid token file leaves the file as it was")
    func badChange() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("tokens", "read reader-0123456789abcdef\n")
        let error = #expect(throws: LodestoneError.self) {
            try TokenFile.change(file) { (text: inout String) throws(LodestoneError) in
                text = TokenFile.removing([1], from: text)
            }
        }
        #expect(error?.reason == .badTokenFile)
        #expect(
            try String(contentsOfFile: file, encoding: .utf8) == "read reader-0123456789abcdef\n"
        )
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["tokens"])
    }

    @Test("Changes of one file by many threads are all kept")
    func parallelChanges() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/tokens"
        DispatchQueue.concurrentPerform(iterations: 20) { number in
            try? TokenFile.change(path) { (text: inout String) throws(LodestoneError) in
                text = TokenFile.appending("read token-0123456789abcdef-\(number)", to: text)
            }
        }
        #expect(try Credentials(file: path).entries.count == 20)
    }
}
