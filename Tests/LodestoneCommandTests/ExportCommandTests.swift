// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneImport
import LodestoneJSON
import TestSupport
import Testing

@Suite("Export command")
struct ExportCommandTests {
    /// The documents of a dump, as they are written.
    private func documents(_ dump: String) throws -> [Substring] {
        try String(contentsOfFile: dump, encoding: .utf8).split(separator: "\n").dropFirst()
            .dropLast()
    }

    @Test("Random documents and collection options return from an export to the last bit")
    func everything() async throws {
        let server = try await TestServer.start()
        let options = CollectionOptions(
            dimension: 5,
            metric: .dotProduct,
            vectorStrategy: .hnsw(inlineIndexing: true, HNSWOptions(m: 7, efConstruction: 33)),
            text: TextOptions(
                fields: [TextFieldOptions("title", weight: 2.5)],
                k1: 1.7,
                b: 0.4,
                language: .german
            ),
            metadataIndexes: [MetadataIndex("year"), MetadataIndex(path: ["a", "year"])]
        )
        let description = CollectionDescription(
            name: "first",
            options: options,
            documents: 400,
            vectors: 0,
            edges: 0,
            sequenceNumber: 1
        )
        let written = (0..<400).map { RandomDocuments.document($0, dimension: 5) }
        let lines =
            [DumpHeader(description).json] + written.map { JSON(dumped: $0) }
            + [DumpHeader.end(documents: 400, sequenceNumber: 1)]
        let made = try server.scratch.file(
            "made.jsonl",
            lines.map(\.text).joined(separator: "\n")
        )
        let dumps = ["first", "second"].map { "\(server.scratch.path)/\($0).jsonl" }
        var file = made
        for (name, dump) in zip(["first", "second"], dumps) {
            let imported = try await server.lodestone("import", name, file, "--in-flight", "1")
            #expect(imported.status == 0, "\(imported.output)\(imported.errors)")
            #expect(!imported.output.contains("left out"))
            let exported = try await server.lodestone("export", name, dump)
            #expect(exported.status == 0, "\(exported.errors)")
            #expect(try DumpHeader.read(dump)?.options == options)
            file = dump
        }
        // Documents of one batch are written at once; those with a vector come first.
        let bytes = { (lines: [String]) in Set(lines.map { Array($0.utf8) }) }
        let expected = bytes(written.map { JSON(dumped: $0).text })
        for dump in dumps {
            let found = bytes(try documents(dump).map(String.init))
            #expect(found.subtracting(expected).isEmpty && found.count == 400)
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: server.scratch.path)
        #expect(!left.contains { $0.hasSuffix(".partial") })
    }

    @Test("Lines of a scan are imported as documents with texts, metadata and edges")
    func scannedLines() async throws {
        let server = try await TestServer.start()
        let file = try server.scratch.file(
            "docs.jsonl",
            #"{"id":"a","title":"red fox","year":2020,"at":{"$timestamp":"1492-10-12T00:00:00Z"}}"#
        )
        let edges = try server.scratch.file("edges.tsv", "a\tcites\tb\t0.5\n")
        _ = try await server.lodestone(
            "import",
            "old",
            file,
            "--create",
            "--text",
            "title",
            "--edges",
            edges
        )
        let scan = try await server.lodestone("scan", "old", "--all", "--lines")
        #expect(scan.output.contains("1492-10-12T00:00:00Z"))
        let lines = try server.scratch.file("lines.jsonl", scan.output)
        let imported = try await server.lodestone("import", "new", lines, "--create")
        #expect(imported.status == 0)
        let again = try await server.lodestone("scan", "new", "--all", "--lines")
        #expect(again.output == scan.output)
        let found = try await server.lodestone("search", "new", "fox", "--json")
        #expect((found.json["hits"] as? [Any])?.count == 1)
        let refused = try await server.lodestone("import", "new", lines, "--text", "title")
        #expect(refused.status == 65)
        #expect(refused.output.contains("dump"))
    }

    @Test("Documents that fill many pages are all scanned and exported")
    func largeDocuments() async throws {
        let server = try await TestServer.start()
        let text = String(repeating: "lorem ipsum dolor ", count: 50_000)
        let lines = (0..<24).map { "{\"id\":\"\($0)\",\"t\":\"\(text)\"}" }
        let file = try server.scratch.file("docs.jsonl", lines.joined(separator: "\n"))
        _ = try await server.lodestone("import", "large", file, "--create", "--text", "title")
        let scan = try await server.lodestone("scan", "large", "--all", "--lines")
        #expect(scan.status == 0, "\(scan.errors)")
        #expect(scan.output.split(separator: "\n").count == 24)
        let dump = "\(server.scratch.path)/dump.jsonl"
        #expect(try await server.lodestone("export", "large", dump).status == 0)
        #expect(try documents(dump).count == 24)
    }

    @Test("A document with more edges than a reply holds is exported with all of them")
    func hub() async throws {
        let server = try await TestServer.start()
        // More than 16 MiB.
        let hub = (0..<23_000).map { number in
            let label = String(repeating: "l", count: 240) + "\(number % 3)"
            let target = String(repeating: "t", count: 490) + "\(number)"
            return "hub\t\(label)\t\(target)\t\(number % 7)\n"
        }
        let few = (0..<1_200).reversed().map { "few\tto\tt\($0)\n" }
        let edges = try server.scratch.file("edges.tsv", (hub + few).joined())
        let documents = try server.scratch.file(
            "docs.jsonl",
            "{\"id\":\"hub\"}\n{\"id\":\"few\"}\n"
        )
        let made = try await server.lodestone(
            "import",
            "old",
            documents,
            "--create",
            "--edges",
            edges,
            "--batch-size",
            "5000"
        )
        #expect(made.status == 0, "\(made.errors)")
        let scan = try await server.lodestone("scan", "old", "--all", "--lines")
        #expect(scan.errors.contains("REPLY_TOO_LARGE"), "\(scan.errors)")
        let dump = "\(server.scratch.path)/dump.jsonl"
        let exported = try await server.lodestone("export", "old", dump, "--json")
        #expect(exported.status == 0, "\(exported.errors)")
        #expect(exported.json["edges"] as? Int == 24_200)
        let lines = try self.documents(dump)
        #expect(lines.allSatisfy { $0.utf8.count < 100_000 })
        let imported = try await server.lodestone("import", "new", dump)
        #expect(imported.status == 0, "\(imported.errors)")
        #expect(imported.output.contains("24,200 edges"), "\(imported.output)")
        let piped = try await server.lodestone("export", "new")
        #expect(piped.output.split(separator: "\n").dropFirst().dropLast().elementsEqual(lines))
    }

    @Test("A truncated dump fails its import, and given options override the dump's")
    func options() async throws {
        let server = try await TestServer.start()
        let file = try server.scratch.file("docs.jsonl", "{\"id\":\"a\",\"vector\":[1,2]}\n")
        _ = try await server.lodestone("import", "old", file, "--create", "--dimension", "2")
        let dump = "\(server.scratch.path)/dump.jsonl"
        #expect(try await server.lodestone("export", "old", dump).status == 0)
        let other = try await server.lodestone("import", "new", dump, "--metric", "euclidean")
        #expect(other.status == 0)
        let collections = try await server.lodestone("collections", "--json").json["collections"]
        let metrics = (collections as? [[String: Any]] ?? []).compactMap { $0["metric"] as? String }
        #expect(metrics.sorted() == ["cosine", "euclidean"])
        let content = try String(contentsOfFile: dump, encoding: .utf8)
        let cut = try server.scratch.file(
            "cut.jsonl",
            content.split(separator: "\n").dropLast().joined(separator: "\n")
        )
        let outcome = try await server.lodestone("import", "cut", cut)
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("without its last line"))
        #expect(try await server.lodestone("export", "nothing", dump).status == 66)
        #expect(try String(contentsOfFile: dump, encoding: .utf8) == content)
    }
}

@Suite("Import command")
struct ImportCommandTests {
    @Test("The later of two lines with one id is kept, also after a refused batch")
    func order() async throws {
        let server = try await TestServer.start()
        _ = try await server.lodestone("create", "things", "--dimension", "2")
        var lines: [String] = []
        for version in 0..<2 {
            for number in 0..<1_000 {
                let vector = version == 0 && number == 500 ? "[1,2,3]" : "[1,\(version)]"
                lines.append("{\"id\":\"k\(number)\",\"v\":\(version),\"vector\":\(vector)}")
            }
        }
        let file = try server.scratch.file("docs.jsonl", lines.joined(separator: "\n"))
        let imported = try await server.lodestone("import", "things", file)
        #expect(imported.status == 0)
        let count = try await server.lodestone("count", "things", "--filter", "v = 1", "--json")
        #expect(count.json["count"] as? Int == 1_000)
    }

    @Test(
        "An import that writes nothing fails",
        arguments: [
            "[{\"id\":1}]", "id,title\na,b\n", "", "{\"x\":1}\n{\"x\":2}\n", "{\"id\":",
        ]
    )
    func nothing(_ content: String) async throws {
        let server = try await TestServer.start()
        let file = try server.scratch.file("docs.jsonl", content)
        let outcome = try await server.lodestone("import", "things", file, "--create")
        #expect(outcome.status == 65, "\(outcome.output)")
    }

    @Test("A missing --text field is named, and so are text fields without --text")
    func fields() async throws {
        let server = try await TestServer.start()
        let line = #"{"id":"a","title":"x","category":"news"}"#
        let file = try server.scratch.file("docs.jsonl", line)
        let named = try await server.lodestone("import", "a", file, "--create", "--text", "titel")
        #expect(named.status == 0)
        #expect(named.output.contains("'titel'") && named.output.contains("category, title"))
        let unnamed = try await server.lodestone("import", "b", file, "--create")
        #expect(unnamed.output.contains("category, title"))
        let count = try await server.lodestone("count", "b", "--filter", "category = 'news'")
        #expect(count.errors.contains("'category' is a text"))
    }

    @Test("Timestamps are exact, of the proleptic Gregorian calendar, and shown as times")
    func times() async throws {
        let server = try await TestServer.start()
        let times = ["1492-10-12T00:00:00Z", "2024-03-01T10:00:00Z", "2500-01-01T00:00:00.123457Z"]
        let lines = times.map { "{\"id\":\"\($0)\",\"t\":{\"$timestamp\":\"\($0)\"}}" }
        let file = try server.scratch.file("docs.jsonl", lines.joined(separator: "\n"))
        _ = try await server.lodestone("import", "times", file, "--create")
        for time in times {
            let filter = "t = TIMESTAMP '\(time)'"
            let found = try await server.lodestone("scan", "times", "--filter", filter, "--json")
            let documents = try #require(found.json["documents"] as? [[String: Any]])
            #expect(documents.compactMap { $0["id"] as? String } == [time])
            let facet = try await server.lodestone(
                "count",
                "times",
                "--filter",
                filter,
                "--facet",
                "t"
            )
            #expect(facet.output.contains(time))
        }
        let leap = try await server.lodestone(
            "scan",
            "times",
            "--filter",
            "t = TIMESTAMP '2024-02-30T10:00:00Z'"
        )
        #expect(leap.status == 65)
        #expect(leap.errors.contains("column 15") && leap.errors.contains("29 days"))
        let number = try await server.lodestone(
            "count",
            "times",
            "--filter",
            "t = 1709287200000000"
        )
        #expect(number.errors.contains("TIMESTAMP '2024-03-01T10:00:00Z'"))
    }

    /// An event of a collection between two runs.
    enum Between: CaseIterable { case nothing, madeAgain, dropped }

    @Test(
        "An interrupted import continues only if its documents were not dropped meanwhile",
        arguments: Between.allCases
    )
    func resume(_ between: Between) async throws {
        let server = try await TestServer.start()
        let content = (1...40).map { $0 == 25 ? "broken" : "{\"id\":\"\($0)\",\"n\":\($0)}" }
        let file = try server.scratch.file("docs.jsonl", content.joined(separator: "\n"))
        let cut = try await server.lodestone(
            "import",
            "lines",
            file,
            "--create",
            "--batch-size",
            "10",
            "--strict",
            "--in-flight",
            "1"
        )
        #expect(cut.status == 65)
        switch between {
        case .nothing: break
        case .madeAgain:
            _ = try await server.lodestone("drop", "lines", "--all")
            _ = try await server.lodestone("create", "lines")
            let other = try server.scratch.file("other.jsonl", "{\"id\":\"7\",\"n\":0}\n")
            _ = try await server.lodestone("import", "lines", other)
        case .dropped: _ = try await server.lodestone("drop", "lines", "--filter", "n = 7")
        }
        let rest = try await server.lodestone("import", "lines", file)
        #expect(rest.errors.contains("first line") == (between != .nothing), "\(rest.errors)")
        let count = try await server.lodestone("count", "lines", "--filter", "n > 0", "--json")
        #expect(count.json["count"] as? Int == 39)
    }

    @Test("Values as deep as the server's limit are imported")
    func depth() async throws {
        let server = try await TestServer.start()
        let list = String(repeating: "[", count: 13) + "1" + String(repeating: "]", count: 13)
        let object = (0..<8).reduce("1") { value, _ in "{\"o\":\(value)}" }
        let file = try server.scratch.file(
            "docs.jsonl",
            "{\"id\":\"a\",\"x\":\(list)}\n{\"id\":\"b\",\"x\":\(object)}\n"
        )
        let outcome = try await server.lodestone("import", "deep", file, "--create", "--json")
        #expect((outcome.json["documents"] as? [String: Any])?["accepted"] as? Int == 2)
        let scan = try await server.lodestone("scan", "deep", "--all", "--lines")
        #expect(scan.output.contains(list) && scan.output.contains(object))
    }
}
