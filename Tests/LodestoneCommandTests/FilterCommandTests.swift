// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("Filter option", .timeLimit(.minutes(2)))
struct FilterCommandTests {
    private func filled() async throws -> TestServer {
        let server = try await TestServer.start()
        let lines = (0..<20).map { number in
            #"{"id":"d\#(number)","title":"paper \#(number)","year":\#(2000 + number),"tag":"t\#(number % 3)"}"#
        }
        let file = try server.scratch.file("docs.jsonl", lines.joined(separator: "\n"))
        let created = try await server.lodestone(
            "create",
            "papers",
            "--index",
            "year",
            "--index",
            "tag"
        )
        #expect(created.status == 0, "\(created.errors)")
        let imported = try await server.lodestone("import", "papers", file, "--text", "title")
        #expect(imported.status == 0, "\(imported.errors)")
        return server
    }

    @Test("A filter narrows searches, counts, scans and drops")
    func commands() async throws {
        let server = try await filled()
        let found = try await server.lodestone(
            "search",
            "papers",
            "paper",
            "--filter",
            "year >= 2018 AND NOT tag = 't0'",
            "--explain",
            "--json"
        )
        let hits = try #require(found.json["hits"] as? [[String: Any]])
        #expect(hits.compactMap { $0["id"] as? String } == ["d19"])
        let explanation = try #require(found.json["filter"] as? [String: Any])
        #expect(explanation["strategy"] as? String == "indexed")

        let count = try await server.lodestone(
            "count",
            "papers",
            "--filter",
            "year BETWEEN 2000 AND 2009",
            "--facet",
            "tag",
            "--limit",
            "1"
        )
        #expect(
            count.output == """
                10 documents

                documents  tag
                        4  "t0"
                and 2 more values

                """
        )

        let search = try await server.lodestone(
            "search",
            "papers",
            "nothing",
            "--filter",
            "year BETWEEN 2000 AND 2009",
            "--facet",
            "tag",
            "--facet-limit",
            "1"
        )
        #expect(
            search.output.hasSuffix(
                "\n"
                    + (count.output.split(separator: "\n").dropFirst()
                        .joined(separator: "\n")) + "\n"
            ),
            "\(search.output)"
        )

        let scan = try await server.lodestone(
            "scan",
            "papers",
            "--filter",
            "tag IN ('t1', 't2')",
            "--order",
            "year",
            "--descending",
            "--limit",
            "2",
            "--json"
        )
        let documents = try #require(scan.json["documents"] as? [[String: Any]])
        #expect(documents.compactMap { $0["id"] as? String } == ["d19", "d17"])
        let lines = try await server.lodestone("scan", "papers", "--all", "--lines")
        #expect(lines.output.split(separator: "\n").count == 20)

        let dry = try await server.lodestone(
            "drop",
            "papers",
            "--filter",
            "year < 2005",
            "--dry-run"
        )
        #expect(dry.output == "5 documents of 'papers' would be dropped.\n")
        let drop = try await server.lodestone("drop", "papers", "--filter", "year < 2005", "--json")
        #expect(drop.json["dropped"] as? Int == 5)
        let rest = try await server.lodestone("count", "papers", "--json")
        #expect(rest.json["count"] as? Int == 15)
    }

    @Test("A malformed filter is refused with the column of its error")
    func faults() async throws {
        let server = try await filled()
        let outcome = try await server.lodestone("count", "papers", "--filter", "year >= AND")
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("column 9") && outcome.errors.contains("FILTER_SYNTAX"))
        let both = try await server.lodestone("drop", "papers", "d1", "--filter", "year = 1")
        #expect(both.status == 64)
    }
}
