// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("Token commands", .timeLimit(.minutes(3)))
struct TokenCommandTests {
    private func token(_ arguments: String...) async throws -> Outcome {
        try await Programs.run("lodestone", ["token"] + arguments)
    }

    @Test("A created token opens a server with its rights, and a revoked one does not")
    func life() async throws {
        let scratch = try Scratch()
        let file = scratch.path + "/tokens"
        let admin = try await token("create", "admin", "--file", file, "--role", "admin")
        #expect(admin.status == 0 && admin.output.hasPrefix("lode_"), "\(admin.errors)")
        let reader = try await token(
            "create",
            "reader",
            "--file",
            file,
            "--role",
            "read",
            "--json",
            "--collections",
            "wiki",
            "logs-*",
            "--filter",
            "tenant = 'a'",
            "--requests-per-second",
            "100",
            "--expires",
            "90d"
        )
        #expect(reader.status == 0, "\(reader.errors)")
        let readerToken = try #require(reader.json["token"] as? String)
        let adminToken = admin.output.trimmingCharacters(in: .whitespacesAndNewlines)
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(!text.contains(readerToken) && !text.contains(adminToken))
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions]
        #expect(mode as? Int == 0o600)

        let server = try await TestServer.start(environment: ["LODESTONE_TOKEN_FILE": file])
        func lodestone(_ token: String, _ arguments: String...) async throws -> Outcome {
            let environment = ["LODESTONE_ADDRESS": server.address, "LODESTONE_TOKEN": token]
            return try await Programs.run("lodestone", arguments, environment: environment)
        }
        #expect(try await lodestone(adminToken, "create", "wiki").status == 0)
        #expect(try await lodestone(adminToken, "create", "other").status == 0)
        let seen = try await lodestone(readerToken, "collections")
        #expect(seen.output.contains("wiki") && !seen.output.contains("other"))
        let denied = try await lodestone(readerToken, "scan", "other")
        #expect(denied.status == 77 && denied.errors.contains("COLLECTION"))
        #expect(try await lodestone(readerToken, "drop", "wiki", "a").errors.contains("ROLE"))

        let revoked = try await token("revoke", "reader", "--file", file)
        #expect(revoked.status == 0, "\(revoked.errors)")
        while try await lodestone(readerToken, "collections").status != 77 {}
        #expect(try await lodestone(adminToken, "collections").status == 0)
    }

    @Test("A second token of a name has the rights of the first, and each is revoked by its id")
    func rotation() async throws {
        let scratch = try Scratch()
        let file = try scratch.file("tokens", "# mine\nadmin admin-0123456789abcdef\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        _ = try await token(
            "create",
            "app",
            "--file",
            file,
            "--role",
            "write",
            "--collections",
            "x"
        )
        let second = try await token("create", "app", "--file", file, "--json")
        #expect(second.status == 0, "\(second.errors)")
        let id = try #require(second.json["id"] as? String)
        let list = try await token("list", "--file", file, "--json")
        let tokens = try #require(list.json["tokens"] as? [[String: Any]])
        #expect(tokens.map { $0["name"] as? String } == ["line 2", "app", "app"])
        #expect(tokens.map { $0["role"] as? String } == ["admin", "write", "write"])
        #expect(tokens[2]["collections"] as? [String] == ["x"])
        let third = try await token("create", "app", "--file", file)
        #expect(third.status == 65 && third.errors.contains("limit is 2."), "\(third.errors)")
        let removed = try await token("revoke", "app", "--file", file, "--id", id)
        #expect(removed.status == 0 && removed.output.contains(id))
        let rest = try await token("list", "--file", file)
        #expect(rest.output.contains("app") && !rest.output.contains(id))
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(text.hasPrefix("# mine\nadmin admin-0123456789abcdef\n"))
    }

    @Test(
        "A token command with wrong options is refused, and leaves the file as it was",
        arguments: [
            (["create", "a"], "--role"), (["create", "a", "--role", "king"], "king"),
            (["create", "a b", "--role", "read"], "no name"),
            (["create", "a", "--role", "read", "--filter", "x ="], "column 4"),
            (["create", "a", "--role", "admin", "--filter", "x = 1"], "admin"),
            (["create", "a", "--role", "read", "--collections", "a*b"], "a*b"),
            (["create", "a", "--role", "read", "--expires", "2001-01-01T00:00:00Z"], "future"),
            (["create", "a", "--role", "read", "--requests-per-second", "0"], "requestsPerSecond"),
            (["revoke", "nobody"], "nobody"), (["revoke", "only"], "no line"),
        ]
    )
    func refused(arguments: [String], says: String) async throws {
        let scratch = try Scratch()
        let file = scratch.path + "/tokens"
        _ = try await token("create", "only", "--file", file, "--role", "read")
        let before = try String(contentsOfFile: file, encoding: .utf8)
        let outcome = try await Programs.run("lodestone", ["token"] + arguments + ["--file", file])
        #expect(outcome.status == 65 || outcome.status == 66)
        #expect(outcome.errors.contains(says), "\(outcome.errors)")
        #expect(try String(contentsOfFile: file, encoding: .utf8) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["tokens"])
    }
}
