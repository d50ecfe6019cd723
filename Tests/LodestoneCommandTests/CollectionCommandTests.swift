// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("Collection commands", .timeLimit(.minutes(2)))
struct CollectionCommandTests {
    @Test("The list of collections shows indexed fields and text options")
    func options() async throws {
        let server = try await TestServer.start()
        #expect(try await server.lodestone("create", "things").status == 0)
        let created = try await server.lodestone(
            "create",
            "papers",
            "--index",
            "year",
            "--index",
            "author.name",
            "--text-field",
            "title:5",
            "--language",
            "none",
            "--keep-stop-words"
        )
        #expect(created.status == 0, "\(created.errors)")
        let french = try await server.lodestone("create", "livres", "--language", "french")
        #expect(french.status == 0, "\(french.errors)")
        let klingon = try await server.lodestone("create", "x", "--language", "klingon")
        #expect(klingon.status != 0 && klingon.errors.contains("klingon"))
        let lines = try await server.lodestone("collections").output.split(separator: "\n")
        let papers = try #require(lines.first { $0.contains("papers") })
        #expect(papers.contains("none, title 5, with stop words"))
        #expect(papers.contains("year, author.name"))
        #expect(lines.contains { $0.contains("livres") && $0.contains("french") })
        let things = try #require(lines.first { $0.contains("things") })
        #expect(things.contains("english") && !things.contains("year"))
        let json = try await server.lodestone("collections", "--json").json["collections"]
        let all = try #require(json as? [[String: Any]])
        let described = try #require(all.first { $0["name"] as? String == "papers" })
        #expect(described["metadataIndexes"] as? [[String]] == [["year"], ["author", "name"]])
        #expect(described["textStrategy"] as? String == "postings")
        let text = try #require(described["text"] as? [String: Any])
        #expect(text["fields"] as? [String: Double] == ["title": 5])
        #expect(text["language"] as? String == "none")
        #expect(text["keepsStopWords"] as? Bool == true)
    }

    @Test("Field indexes are added and dropped")
    func indexes() async throws {
        let server = try await TestServer.start()
        #expect(try await server.lodestone("create", "papers", "--index", "year").status == 0)
        let added = try await server.lodestone("index", "add", "papers", "tag", "author.name")
        #expect(added.status == 0, "\(added.errors)")
        #expect(added.output.contains("tag, author.name of 'papers': indexed now."))
        #expect(try await server.lodestone("index", "build", "papers").status == 0)
        let lines = try await server.lodestone("collections").output
        #expect(lines.contains("year, tag, author.name"))
        let dropped = try await server.lodestone("index", "drop", "papers", "year", "--json").json
        let left = dropped["metadataIndexes"] as? [[String]]
        #expect(left == [["tag"], ["author", "name"]])
        #expect(dropped["buildingIndexes"] as? [[String]] == [])
        let nothing = try await server.lodestone("index", "add", "papers")
        #expect(nothing.status != 0)
    }
}
