// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("Command line", .timeLimit(.minutes(2)))
struct CommandTests {
    private let documents = """
        {"id":"soup","words":["soup","broth"],"definition":"liquid food","year":1900}
        {"id":"stew","words":["stew"],"definition":"food cooked slowly in liquid"}
        not a document
        {"id":"hawk","words":["hawk"],"definition":"a bird of prey","vector":[1,2]}

        {"id":"owl","words":["owl"],"definition":"a bird of the night"}
        """

    private func vectors(_ rows: [[Float]]) -> Data {
        Data(rows.joined().flatMap { number in withUnsafeBytes(of: number) { Array($0) } })
    }

    /// A server with two foods and two birds in the collection `things`.
    private func filled() async throws -> TestServer {
        let server = try await TestServer.start()
        let file = try server.scratch.file("docs.jsonl", documents)
        let rows: [[Float]] = [[1, 0, 0], [0.9, 0.1, 0], [9, 9, 9], [0, 0, 1], [0, 0.1, 0.9]]
        let matrix = try server.scratch.file("docs.f32", vectors(rows))
        let edges = try server.scratch.file(
            "edges.tsv",
            "soup\tlike\tstew\nhawk\tlike\towl\nnobody\tlike\towl\nbroken\n"
        )
        let outcome = try await server.lodestone(
            "import",
            "things",
            file,
            "--text",
            "words,definition",
            "--vectors",
            matrix,
            "--edges",
            edges,
            "--create",
            "--dimension",
            "3",
            "--json"
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        let documents = try #require(outcome.json["documents"] as? [String: Any])
        #expect(documents["accepted"] as? Int == 4)
        #expect(documents["badLineCount"] as? Int == 1)
        let bad = try #require((documents["badLines"] as? [[String: Any]])?.first)
        #expect(bad["line"] as? Int == 3)
        let edgeTally = try #require(outcome.json["edges"] as? [String: Any])
        #expect(edgeTally["accepted"] as? Int == 2)
        let badEdges = try #require(edgeTally["badLines"] as? [[String: Any]])
        #expect(Set(badEdges.compactMap { $0["line"] as? Int }) == [3, 4])
        #expect(try left(in: server.scratch).isEmpty)
        return server
    }

    private func left(in scratch: Scratch) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: scratch.path)
            .filter { $0.contains("lodestone-import") }
    }

    private func ids(_ outcome: Outcome, _ list: String = "hits") -> [String] {
        (outcome.json[list] as? [[String: Any]])?.compactMap { $0["id"] as? String } ?? []
    }

    @Test("Imported documents are found by words, by a vector, by both and by a walk")
    func journey() async throws {
        let server = try await filled()
        #expect(ids(try await server.lodestone("search", "things", "night", "--json")) == ["owl"])
        let syntax = try await server.lodestone(
            "search",
            "things",
            "--syntax",
            "liquid AND NOT slow*",
            "--json"
        )
        #expect(ids(syntax) == ["soup"])
        let near = try await server.lodestone(
            "search",
            "things",
            "--near",
            "soup",
            "--limit",
            "1",
            "--json"
        )
        #expect(ids(near) == ["stew"])
        let most = try await server.lodestone(
            "search",
            "things",
            "--near",
            "soup",
            "--limit",
            "1000",
            "--json"
        )
        #expect(ids(most).first == "stew" && !ids(most).contains("soup"))
        let both = try await server.lodestone(
            "search",
            "things",
            "night bird",
            "--vector-file",
            "\(server.scratch.path)/docs.f32",
            "--row",
            "4",
            "--json"
        )
        #expect(ids(both).prefix(1) == ["owl"])
        let hits = try #require(both.json["hits"] as? [[String: Any]])
        let sources = try #require(hits.first?["sources"] as? [[String: Any]])
        #expect(Set(sources.compactMap { $0["source"] as? String }) == ["vector", "text"])
        let walk = try await server.lodestone(
            "walk",
            "things",
            "owl",
            "--direction",
            "in",
            "--label",
            "like",
            "--json"
        )
        #expect(ids(walk, "reached") == ["hawk"])
        let edges = try await server.lodestone(
            "edges",
            "things",
            "owl",
            "--direction",
            "in",
            "--label",
            "like",
            "--json"
        )
        #expect(ids(edges, "edges") == ["hawk"])
        let get = try await server.lodestone("get", "things", "soup", "nobody", "--json")
        let document = try #require((get.json["documents"] as? [[String: Any]])?.first)
        #expect((document["text"] as? [String: String])?["words"] == "soup, broth")
        #expect((document["metadata"] as? [String: Int]) == ["year": 1900])
        #expect(get.json["missing"] as? [String] == ["nobody"])
    }

    @Test("Commands without --json print tables")
    func tables() async throws {
        let server = try await filled()
        #expect(try await server.lodestone("ping").output.contains(" ms"))
        let collections = try await server.lodestone("collections").output
        #expect(collections.contains("things"))
        #expect(collections.contains("cosine"))
        let search = try await server.lodestone("search", "things", "bird night").output
        #expect(search.contains("owl: a bird of the night"))
        #expect(search.contains(/hits? in/))
        let walk = try await server.lodestone("walk", "things", "soup").output
        #expect(walk.contains("soup → like"))
        #expect(walk.contains("stew: food cooked slowly in liquid"))
        let edges = try await server.lodestone("edges", "things", "soup").output
        #expect(edges.contains("weight"))
        #expect(edges.contains("→  like"))
        let lines = try await server.lodestone("edges", "things", "soup", "--all", "--lines")
        #expect(lines.output.hasPrefix("{\"label\":\"like\",\"id\":\"stew\""))
        #expect(
            try await server.lodestone("edges", "things", "soup", "--label", "no").output
                .contains("No such edges")
        )
        #expect(try await server.lodestone("get", "things", "soup").output.contains("year = 1900"))
        #expect(try await server.lodestone("stats").output.contains("SQLite"))
        #expect(
            try await server.lodestone("search", "things", "zebra").output.contains("Nothing found")
        )
    }

    @Test("Documents and collections are dropped")
    func drop() async throws {
        let server = try await filled()
        #expect(
            try await server.lodestone("drop", "things", "owl", "--json").json["dropped"] as? Int
                == 1
        )
        #expect(ids(try await server.lodestone("search", "things", "night", "--json")).isEmpty)
        #expect(try await server.lodestone("drop", "things").status == 64)
        #expect(try await server.lodestone("drop", "things", "--all").status == 0)
        #expect(try await server.lodestone("search", "things", "soup").status == 66)
    }

    @Test("A compacted collection returns the same results as before")
    func compact() async throws {
        let server = try await filled()
        let before = ids(try await server.lodestone("search", "things", "night", "--json"))
        let outcome = try await server.lodestone("compact", "things", "--json")
        let last = try await server.lodestone("ping", "--json").json["sequenceNumber"] as? Int
        #expect(outcome.status == 0 && outcome.json["sequenceNumber"] as? Int == last)
        #expect(try await server.lodestone("compact", "things").output.contains("Compacted"))
        #expect(ids(try await server.lodestone("search", "things", "night", "--json")) == before)
        #expect(try await server.lodestone("compact", "nothing").status == 66)
        let stats = try await server.lodestone("stats", "--json").json
        let collection = try #require((stats["collections"] as? [[String: Any]])?.first)
        #expect(collection["changesSinceBase"] as? Int == 0)
        #expect((collection["baseBytes"] as? Int ?? 0) > 0 && stats["compactionFailure"] == nil)
        let figures = try #require(stats["statistics"] as? [[String: Any]])
        let parts = Set(figures.compactMap { $0["name"] as? String })
        for part in ["database", "write_ahead_log", "segments", "bases", "snapshots"] {
            #expect(parts.contains("store.bytes.\(part)"))
        }
        #expect(try await server.lodestone("verify").status == 0)
    }

    @Test("Words with typing errors are found, and matches are highlighted")
    func typos() async throws {
        let server = try await filled()
        let plain = try await server.lodestone("search", "things", "suop", "--json")
        #expect(ids(plain).isEmpty)
        let found = try await server.lodestone(
            "search",
            "things",
            "suop",
            "--fuzzy",
            "auto",
            "--highlight",
            "--explain",
            "--json"
        )
        #expect(ids(found).first == "soup")
        let hit = try #require((found.json["hits"] as? [[String: Any]])?.first)
        #expect((hit["highlights"] as? [String: Any])?["words"] != nil)
        let words = try #require((found.json["textExplanations"] as? [[String: Any]])?.first)
        let word = try #require((words["words"] as? [[String: Any]])?.first)
        #expect(word["word"] as? String == "suop" && word["expansionCount"] as? Int == 1)
        let people = try await server.lodestone(
            "search",
            "things",
            "suop~1",
            "--syntax",
            "--highlight",
            "--explain"
        )
        #expect(people.output.contains("words: ") && people.output.contains("soup (1 edit, "))
        // Not a terminal.
        #expect(!people.output.contains("\u{1B}"))
        #expect(try await server.lodestone("search", "things", "x", "--fuzzy", "3").status == 64)
    }

    @Test("An index is chosen, built and described, and a search explains itself")
    func index() async throws {
        let server = try await filled()
        let set = try await server.lodestone(
            "index",
            "set-strategy",
            "things",
            "hnsw",
            "--m",
            "8",
            "--ef-search",
            "30",
            "--quantization",
            "none"
        )
        #expect(set.status == 0, "\(set.errors)")
        #expect(set.output.contains("hnsw (m 8, ef construction 160, ef search 30, none)"))
        let built = try await server.lodestone("index", "build", "things", "--json")
        #expect(built.status == 0 && built.json["sequenceNumber"] as? Int ?? 0 > 0)
        let status = try await server.lodestone("index", "status", "things", "--json")
        let one = try #require((status.json["indexes"] as? [[String: Any]])?.first)
        let index = try #require(one["index"] as? [String: Any])
        let strategy = try #require(index["strategy"] as? [String: Any])
        #expect(strategy["name"] as? String == "hnsw" && strategy["m"] as? Int == 8)
        #expect(strategy["quantization"] as? String == "none")
        let counts = ["indexedVectors", "scannedVectors"].compactMap { index[$0] as? Int }
        #expect(counts.reduce(0, +) == 4)
        #expect(try await server.lodestone("index", "status").output.contains("things"))
        #expect(try await server.lodestone("stats").output.contains("hnsw"))

        let exact = try await server.lodestone(
            "search",
            "things",
            "--near",
            "soup",
            "--exact",
            "--ef",
            "40",
            "--explain",
            "--json"
        )
        #expect(ids(exact).first == "stew")
        let explained = try #require((exact.json["explanations"] as? [[String: Any]])?.first)
        #expect(explained["strategy"] as? String == "exact")
        #expect(explained["scannedRows"] as? Int == 4)
        let people = try await server.lodestone("search", "things", "--near", "soup", "--explain")
        #expect(people.output.contains("The vector was searched by"))

        let created = try await server.lodestone(
            "create",
            "more",
            "--dimension",
            "3",
            "--strategy",
            "lsh",
            "--tables",
            "4"
        )
        #expect(created.status == 0 && created.output.contains("lsh (4 tables"))
    }

    @Test(
        "An invalid index command is refused with the reason",
        arguments: [
            (["set-strategy", "things", "hnsw", "--m", "1"], 65, "2 to 128"),
            (["set-strategy", "things", "flat", "--m", "8"], 64, "belong to hnsw"),
            (["set-strategy", "things", "hnsw", "--tables", "8"], 64, "belong to lsh"),
            (["set-strategy", "nothing", "hnsw"], 66, "nothing"),
            (["build", "nothing"], 66, "nothing"), (["status", "nothing"], 66, "nothing"),
        ]
    )
    func wrongIndex(arguments: [String], status: Int32, says: String) async throws {
        let server = try await filled()
        let outcome = try await Programs.run(
            "lodestone",
            ["index"] + arguments,
            environment: ["LODESTONE_ADDRESS": server.address]
        )
        #expect(outcome.status == status)
        #expect(outcome.errors.contains(says), "\(outcome.errors)")
    }

    @Test("An interrupted build also ends on the server")
    func interrupted() async throws {
        let server = try await filled()
        let lock = try HeldLock("\(server.scratch.path)/store/compaction.lock")
        let build = Process()
        build.executableURL = Programs.folder.appendingPathComponent("lodestone")
        build.arguments = ["index", "build", "things", "--address", server.address]
        build.standardError = FileHandle.nullDevice
        try build.run()
        try await waitUntilCalls(1, on: server)
        build.interrupt()
        try await waitUntilCalls(0, on: server)
        lock.release()
        #expect(try await server.lodestone("index", "build", "things").status == 0)
    }

    private func waitUntilCalls(_ count: Double, on server: TestServer) async throws {
        var calls = -1.0
        while calls != count {
            let stats = try await server.lodestone("stats", "--json").json
            let figures = try #require(stats["statistics"] as? [[String: Any]])
            let found = figures.first { $0["name"] as? String == "server.calls" }
            calls = try #require(found?["value"] as? Double)
        }
    }

    @Test("An interrupted import continues where it was and leaves no state behind")
    func resume() async throws {
        let server = try await TestServer.start()
        let content = (1...40).map { $0 == 25 ? "broken" : "{\"id\":\"\($0)\",\"t\":\"x\"}" }
        let file = try server.scratch.file("docs.jsonl", content.joined(separator: "\n"))
        let strict = try await server.lodestone(
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
        #expect(strict.status == 65)
        #expect(strict.errors.contains("docs.jsonl:25:"))
        #expect(strict.errors.contains("20 documents"))
        #expect(try left(in: server.scratch).count == 1)
        let rest = try await server.lodestone("import", "lines", file, "--json")
        #expect(rest.errors.contains("after line 20"))
        let tally = try #require(rest.json["documents"] as? [String: Any])
        #expect(tally["accepted"] as? Int == 39)
        #expect(try left(in: server.scratch).isEmpty)
        let collections = try await server.lodestone("collections", "--json").json["collections"]
        let lines = try #require((collections as? [[String: Any]])?.first)
        #expect(lines["documents"] as? Int == 39)
    }

    @Test("Vectors of the wrong dimension are refused before anything is sent")
    func wrongDimension() async throws {
        let server = try await filled()
        let file = try server.scratch.file("more.jsonl", "{\"id\":\"x\"}\n")
        let matrix = try server.scratch.file("more.f32", vectors([[1, 2]]))
        let outcome = try await server.lodestone("import", "things", file, "--vectors", matrix)
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("no whole number of rows of 3"))
    }

    @Test("Errors have a message, a recovery and an exit code of their kind")
    func errors() async throws {
        let server = try await filled()
        let unknown = try await server.lodestone("search", "nothing", "x", "--json")
        #expect(unknown.status == 66)
        let error = try #require(unknown.json["error"] as? [String: Any])
        #expect(error["code"] as? String == "NOT_FOUND")
        #expect((error["recovery"] as? String)?.isEmpty == false)
        let twice = try await server.lodestone("create", "things")
        #expect(twice.status == 65)
        #expect(twice.errors.contains("things"))
        #expect(try await server.lodestone("search", "things").status == 64)
        #expect(try await server.lodestone("search", "things", "x", "--limit", "0").status == 64)
        #expect(try await server.lodestone("search", "things", "--syntax", "(a").status == 65)
        #expect(try await server.lodestone("import", "things", "/nowhere.jsonl").status == 66)
    }

    @Test("A command without a server names the address that does not reply")
    func noServer() async throws {
        let scratch = try Scratch()
        let outcome = try await Programs.run(
            "lodestone",
            ["ping", "--address", "unix:\(scratch.path)/none"]
        )
        #expect(outcome.status == 69)
        #expect(outcome.errors.contains("\(scratch.path)/none"))
    }
}
