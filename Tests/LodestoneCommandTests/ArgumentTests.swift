// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("Wrong arguments", .timeLimit(.minutes(2)))
struct ArgumentTests {
    @Test(
        "A malformed field path is reported with its option, its position and the error",
        arguments: [
            (
                ["create", "c", "--index", "a..b"], "--index", "'a..b'",
                "character 3: a name is empty"
            ),
            (["create", "c", "--index", ""], "--index", "''", "character 1: a name is empty"),
            (
                ["index", "add", "c", "year", ".a"], "<fields>", "'.a'",
                "character 1: a name is empty"
            ),
            (["index", "drop", "c", "é.\"a"], "<fields>", "'é.\"a'", "character 3: this quote"),
            (["scan", "c", "--order", "a."], "--order", "'a.'", "character 3: a name is empty"),
            (
                ["count", "c", "--facet", "\"a\"b"], "--facet", "'\"a\"b'",
                "character 4: behind a quote"
            ),
            (
                ["search", "c", "x", "--facet", "a.\"\""], "--facet", "'a.\"\"'",
                "character 3: a name"
            ),
        ]
    )
    func path(arguments: [String], option: String, value: String, fault: String) async throws {
        // No server is needed.
        let outcome = try await Programs.run("lodestone", arguments + ["--address", "unix:/none"])
        #expect(outcome.status == 64, "\(outcome.errors)")
        for part in [option, value, fault, "Write author.name"] {
            #expect(outcome.errors.contains(part), "\(outcome.errors)")
        }
    }

    @Test(
        "A malformed filter is reported with its option, its column and the error",
        arguments: [
            ("a..b = 1", "column 3: expected the name of a field"),
            ("a.\"b = 1", "column 3: this quote is never closed"),
            ("\"\" = 1", "column 1: a name of 0 bytes"),
            ("a.\"\".b = 1", "column 3: a name of 0 bytes"),
        ]
    )
    func filter(_ text: String, _ fault: String) async throws {
        let server = try await TestServer.start()
        _ = try await server.lodestone("create", "c")
        for command in [["scan", "c"], ["count", "c"], ["search", "c", "x"], ["drop", "c"]] {
            let outcome = try await Programs.run(
                "lodestone",
                command + ["--filter", text],
                environment: ["LODESTONE_ADDRESS": server.address]
            )
            #expect(outcome.status == 65)
            #expect(
                outcome.errors.contains("--filter \"\(text)\", \(fault)")
                    && outcome.errors.contains("Write it as in: "),
                "\(outcome.errors)"
            )
        }
    }

    @Test(
        "A hexadecimal, infinite or NaN number argument is refused",
        arguments: [
            ["create", "c", "--text-field", "title:0x10"],
            ["create", "c", "--text-field", "title:inf"],
            ["ping", "--deadline", "nan"], ["ping", "--deadline", "inf"],
        ]
    )
    func number(_ arguments: [String]) async throws {
        let outcome = try await Programs.run("lodestone", arguments + ["--address", "unix:/none"])
        #expect(outcome.status == 64, "\(outcome.errors)")
    }

    @Test("A search with --near finds as many others as its limit and reports no filter")
    func near() async throws {
        let server = try await TestServer.start()
        let lines = (0...1_000).map { "{\"id\":\"d\($0)\",\"y\":\($0 % 2),\"vector\":[1,\($0)]}" }
        let file = try server.scratch.file("docs.jsonl", lines.joined(separator: "\n"))
        _ = try await server.lodestone("import", "c", file, "--create", "--dimension", "2")
        let found = try await server.lodestone(
            "search",
            "c",
            "--near",
            "d500",
            "--limit",
            "1000",
            "--explain",
            "--json"
        )
        let hits = try #require(found.json["hits"] as? [[String: Any]])
        #expect(hits.count == 1_000)
        #expect(!hits.contains { $0["id"] as? String == "d500" })
        #expect(found.json["filter"] == nil)
        let even = try await server.lodestone(
            "search",
            "c",
            "--near",
            "d500",
            "--filter",
            "y = 0",
            "--limit",
            "1000",
            "--explain",
            "--json"
        )
        #expect((even.json["hits"] as? [Any])?.count == 500)
        #expect(even.json["filter"] != nil)
    }

    @Test("A line larger than a message is skipped by its number, and its neighbors are written")
    func largeLine() async throws {
        let server = try await TestServer.start()
        let numbers = String(repeating: "1,", count: 4_500_000)
        let file = try server.scratch.file(
            "docs.jsonl",
            "{\"id\":\"a\"}\n{\"id\":\"b\",\"n\":[\(numbers)1]}\n{\"id\":\"c\"}\n"
        )
        let outcome = try await server.lodestone("import", "c", file, "--create", "--json")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let tally = try #require(outcome.json["documents"] as? [String: Any])
        #expect(tally["accepted"] as? Int == 2)
        let bad = try #require(tally["badLines"] as? [[String: Any]])
        #expect(bad.map { $0["line"] as? Int } == [2])
    }
}
