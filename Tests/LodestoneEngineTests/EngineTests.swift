// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Engine")
struct EngineTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    func animals() async throws -> Engine {
        let engine = try Engine.open(directory: directory.path)
        try await engine.createCollection("animals", CollectionOptions(dimension: 2))
        _ = try await engine.index(
            "animals",
            [
                Document(
                    id: "dog",
                    vector: [1, 0],
                    text: "a dog barks at night",
                    metadata: ["legs": 4, "sound": "bark"],
                    edges: [Edge("eats", to: "cat", weight: 0.5)]
                ),
                Document(
                    id: "cat",
                    vector: [0.8, 0.6],
                    text: "a cat sleeps all day",
                    metadata: ["legs": 4],
                    edges: [Edge("eats", to: "bird")]
                ),
                Document(
                    id: "bird",
                    vector: [0, 1],
                    text: "a bird sings at dawn",
                    metadata: ["legs": 2]
                ),
                Document(id: "stone", text: "a stone neither barks nor sings"),
            ]
        )
        return engine
    }

    @Test("The sequence number of an engine includes writes of another engine on its store")
    func sequenceNumberOfOthers() async throws {
        let engine = try await animals()
        let other = try Engine.open(directory: directory.path)
        defer { other.close() }
        let receipt = try await engine.index("animals", [Document(id: "fish", text: "a fish")])
        #expect(other.sequenceNumber == receipt.sequenceNumber)
    }

    @Test("A vector search ranks the nearest first, with cosine similarity as the score")
    func vectorSearch() async throws {
        let engine = try await animals()
        let hits = try await engine.search("animals", Query([.near([2, 0])], limit: 3))
        #expect(hits.map(\.id) == ["dog", "cat", "bird"])
        #expect(abs(hits[0].score - 1) < 1e-6)
        #expect(abs(hits[1].score - 0.8) < 1e-6)
        #expect(abs(hits[2].score) < 1e-6)
    }

    @Test(
        "A text query in query syntax finds its documents",
        arguments: [
            ("bark", ["dog", "stone"]), ("cat OR bird", ["bird", "cat"]),
            ("bark NOT stone", ["dog"]), ("\"at dawn\"", ["bird"]), ("sl*", ["cat"]),
            ("NOT (bark OR sing)", ["cat"]), ("elephant", []),
        ]
    )
    func textSearch(query: String, expected: [DocumentID]) async throws {
        let engine = try await animals()
        let hits = try await engine.search(
            "animals",
            Query([.matching(query, mode: .querySyntax)])
        )
        #expect(hits.map(\.id).sorted() == expected)
    }

    @Test("A hybrid search fuses vector and text and reports the scores of each source")
    func hybridSearch() async throws {
        let engine = try await animals()
        let hits = try await engine.search(
            "animals",
            Query(
                [.near([0, 1]), .matching("sings")],
                fusion: .reciprocalRank(),
                include: [.sourceScores, .metadata]
            )
        )
        #expect(hits[0].id == "bird")
        #expect(hits[0].score == 1.0 / 61 + 1.0 / 61)
        #expect(hits[0].sourceScores.map(\.rank) == [1, 1])
        #expect(hits[0].document?.metadata == ["legs": 2])
        #expect(hits[0].document?.text == [])
        #expect(Set(hits.map(\.id)) == ["bird", "cat", "dog", "stone"])
    }

    @Test("A hybrid search lets each source score what only the other source found")
    func completedScores() async throws {
        let engine = try Engine.open(directory: directory.path)
        try await engine.createCollection("papers", CollectionOptions(dimension: 2))
        try await engine.indexMany(
            IndexManyRequest(
                collection: "papers",
                documents: [
                    Document(id: "near", vector: [1, 0], text: "a long tale of moss and of stone"),
                    Document(id: "both", vector: [3, 4], text: "moss"),
                    Document(id: "next", vector: [1, 1], text: "sand"),
                ]
            )
        )
        let hits = try await engine.search(
            "papers",
            Query(
                [Source(.vector(NearVector([1, 0])), candidates: 2), .matching("moss")],
                limit: 2,
                include: .sourceScores
            )
        )
        let both = try #require(hits.first { $0.id == "both" })
        let vector = try #require(both.sourceScores.first)
        #expect(vector.source == 0 && vector.rank == nil)
        #expect(abs(vector.score - 0.6) < 1e-6)
    }

    @Test("A filtered search finds every matching document")
    func filteredSearch() async throws {
        let engine = try await animals()
        let hits = try await engine.search(
            "animals",
            Query([.near([0, 1])], filter: .equal(path: ["legs"], 4), limit: 10)
        )
        #expect(hits.map(\.id) == ["cat", "dog"])
    }

    @Test("A walk from hits starts at the hits of the other sources")
    func walkFromHits() async throws {
        let engine = try await animals()
        let hits = try await engine.search(
            "animals",
            Query(
                [.matching("night"), Source(.walkFromHits(Walk(from: [], depth: 2)))],
                include: .sourceScores
            )
        )
        #expect(hits.map(\.id) == ["dog", "cat", "bird"])
    }

    @Test("A walk reports each document once, with the edge that reached it")
    func walks() async throws {
        let engine = try await animals()
        let result = try await engine.walk("animals", Walk(from: ["dog"], depth: 3))
        #expect(
            result.reached == [
                Reached(
                    id: "cat",
                    depth: 1,
                    from: "dog",
                    label: "eats",
                    weight: 0.5,
                    isIncoming: false
                ),
                Reached(
                    id: "bird",
                    depth: 2,
                    from: "cat",
                    label: "eats",
                    weight: 1,
                    isIncoming: false
                ),
            ]
        )
        let back = try await engine.walk(
            "animals",
            Walk(from: ["bird", "unknown"], labels: ["eats"], direction: .incoming)
        )
        #expect(back.reached.map(\.id) == ["cat"])
        let other = try await engine.walk("animals", Walk(from: ["dog"], labels: ["chases"]))
        #expect(other.reached.isEmpty && !other.isPartial)
    }

    @Test("A replaced document changes in every index at once")
    func replaces() async throws {
        let engine = try await animals()
        let receipt = try await engine.index(
            "animals",
            [Document(id: "dog", vector: [0, -1], text: "a quiet hound")]
        )
        #expect(receipt.inserted == 0 && receipt.replaced == 1)
        #expect(try await engine.search("animals", Query([.near([1, 0])]))[0].id == "cat")
        let barking = try await engine.search("animals", Query([.matching("bark")]))
        #expect(barking.map(\.id) == ["stone"])
        #expect(try await engine.search("animals", Query([.matching("hounds")])).count == 1)
        #expect(try await engine.walk("animals", Walk(from: ["dog"])).reached.isEmpty)
        let described = try engine.describe("animals")
        #expect(described.documents == 4 && described.vectors == 3 && described.edges == 1)
    }

    @Test("A dropped document loses its incoming and outgoing edges for good")
    func drops() async throws {
        let engine = try await animals()
        let receipt = try await engine.dropMany(
            DropManyRequest(collection: "animals", ids: ["cat", "unknown"])
        )
        #expect(receipt.dropped == 1)
        _ = try await engine.index("animals", [Document(id: "cat", text: "another cat")])
        #expect(try await engine.walk("animals", Walk(from: ["dog"])).reached.isEmpty)
        let stored = try await engine.get(GetRequest(collection: "animals", ids: ["dog"]))
        #expect(stored[0].edges.isEmpty)
        #expect(stored[0].metadata == ["legs": 4, "sound": "bark"])
    }

    @Test("Separate edges are added to documents of the batch and to stored ones")
    func separateEdges() async throws {
        let engine = try await animals()
        _ = try await engine.index(
            "animals",
            [Document(id: "worm", text: "a worm")],
            edges: [
                SourcedEdge(from: "bird", Edge("eats", to: "worm", metadata: ["how": "raw"])),
                SourcedEdge(from: "worm", Edge("fears", to: "bird")),
                SourcedEdge(from: "dog", Edge("eats", to: "cat", weight: 2)),
            ]
        )
        let result = try await engine.walk("animals", Walk(from: ["dog"], depth: 4))
        #expect(result.reached.map(\.id) == ["cat", "bird", "worm"])
        #expect(result.reached[0].weight == 2)
        let stored = try await engine.get(GetRequest(collection: "animals", ids: ["bird"]))
        #expect(stored[0].edges == [Edge("eats", to: "worm", metadata: ["how": "raw"])])
        _ = try await engine.dropMany(
            DropManyRequest(
                collection: "animals",
                edges: [SourcedEdge(from: "cat", Edge("eats", to: "bird"))]
            )
        )
        #expect(
            try await engine.walk("animals", Walk(from: ["dog"], depth: 4)).reached.count == 1
        )
        let error = await failure {
            _ = try await engine.index(
                "animals",
                [],
                edges: [SourcedEdge(from: "nobody", Edge("eats", to: "cat"))]
            )
        }
        #expect(error?.code == .notFound && error?.object == "nobody")
    }

    @Test("A reopened engine returns the same results")
    func reopens() async throws {
        let first = try await animals()
        let before = try first.collections()
        first.close()
        let engine = try Engine.open(directory: directory.path)
        #expect(try engine.collections() == before)
        #expect(
            try await engine.search("animals", Query([.near([1, 0])], limit: 1)).map(\.id)
                == ["dog"]
        )
        let documents = try await engine.get(
            GetRequest(collection: "animals", ids: ["stone", "dog", "nobody"])
        )
        #expect(documents.map(\.id) == ["stone", "dog"])
        #expect(documents[0].vector == nil)
        #expect(documents[1].vector == [1, 0])
        #expect(documents[1].text == [TextField(name: "text", text: "a dog barks at night")])
        #expect(try await engine.walk("animals", Walk(from: ["dog"], depth: 2)).reached.count == 2)
    }

    @Test("A repeated write has one effect, and its request id is refused for another write")
    func requestIDs() async throws {
        let engine = try await animals()
        let request = IndexManyRequest(
            collection: "animals",
            documents: [Document(id: "fox", metadata: ["b": 1, "a": 2, "c": [1, "x"]])]
        )
        let id = RequestID.random()
        let first = try await engine.indexMany(request, requestID: id)
        _ = try await engine.dropMany(DropManyRequest(collection: "animals", ids: ["fox"]))
        let again = try await engine.indexMany(request, requestID: id)
        #expect(again.isRepeated && !first.isRepeated)
        #expect(again.sequenceNumber == first.sequenceNumber && again.inserted == 1)
        #expect(try await engine.get(GetRequest(collection: "animals", ids: ["fox"])).isEmpty)
        let error = await failure {
            try await engine.indexMany(
                IndexManyRequest(collection: "animals", documents: [Document(id: "wolf")]),
                requestID: id
            )
        }
        #expect(error?.code == .invalidArgument && error?.reason == .requestIDReused)
        #expect(try await engine.get(GetRequest(collection: "animals", ids: ["wolf"])).isEmpty)
    }

    @Test("A scan pages through a collection in the order of writing")
    func scans() async throws {
        let engine = try await animals()
        var seen: [DocumentID] = []
        var cursor: ScanCursor?
        repeat {
            let page = try await engine.scan(
                ScanRequest(collection: "animals", cursor: cursor, limit: 3)
            )
            seen += page.documents.map(\.id)
            cursor = page.nextCursor
        } while cursor != nil
        #expect(seen == ["dog", "cat", "bird", "stone"])
        let page = try await engine.scan(
            ScanRequest(collection: "animals", limit: 1, filter: .exists(path: ["legs"], false))
        )
        #expect(page.documents.map(\.id) == ["stone"])
        #expect(page.nextCursor == nil)
    }

    @Test("Collections are independent, and a dropped one frees its name and space")
    func dropsCollections() async throws {
        let engine = try await animals()
        try await engine.createCollection(
            "plants",
            CollectionOptions(dimension: 3, metric: .euclidean)
        )
        _ = try await engine.index("plants", [Document(id: "dog", vector: [1, 2, 3])])
        let duplicate = await failure {
            try await engine.createCollection("plants", CollectionOptions(dimension: 3))
        }
        #expect(duplicate?.code == .alreadyExists && duplicate?.object == "plants")
        try await engine.dropCollection("animals")
        let gone = await failure { _ = try await engine.search("animals", Query([.near([1, 0])])) }
        #expect(gone?.code == .notFound)
        try await engine.createCollection("animals", CollectionOptions(dimension: 4))
        #expect(try engine.describe("animals").documents == 0)
        engine.close()
        let reopened = try Engine.open(directory: directory.path)
        #expect(try reopened.collections().map(\.name) == ["animals", "plants"])
        let hits = try await reopened.search("plants", Query([.near([1, 2, 5])]))
        #expect(hits.map(\.id) == ["dog"] && hits[0].score == -4)
    }

    @Test("Ids are distinct by their bytes")
    func idsAreBytes() async throws {
        let engine = try await animals()
        let composed: DocumentID = "caf\u{e9}"
        let decomposed: DocumentID = "cafe\u{301}"
        let receipt = try await engine.index(
            "animals",
            [Document(id: composed), Document(id: decomposed)]
        )
        #expect(receipt.inserted == 2)
        let found = try await engine.get(
            GetRequest(collection: "animals", ids: [decomposed])
        )
        #expect(found.map(\.id) == [decomposed])
    }

    @Test("A search after a write's reply sees the whole batch, never half of one")
    func readsWholeBatches() async throws {
        let engine = try Engine.open(directory: directory.path)
        try await engine.createCollection(
            "pairs",
            CollectionOptions(dimension: 1, metric: .euclidean)
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for round in 1...60 {
                    _ = try await engine.index(
                        "pairs",
                        [
                            Document(id: "left", vector: [Float(round)], text: "round\(round)"),
                            Document(id: "right", vector: [Float(round)], text: "round\(round)"),
                        ]
                    )
                    let hits = try await engine.search(
                        "pairs",
                        Query([.matching("round\(round)")], include: .document)
                    )
                    try #require(hits.count == 2)
                }
            }
            for _ in 0..<2 {
                group.addTask {
                    for _ in 0..<60 {
                        let hits = try await engine.search(
                            "pairs",
                            Query([.near([0])], include: [.vector, .text])
                        )
                        try #require(hits.isEmpty || hits.count == 2)
                        let vectors = Set(hits.map { $0.document?.vector })
                        try #require(vectors.count <= 1)
                        let texts = Set(hits.map { $0.document?.text.first?.text })
                        try #require(texts.count <= 1)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("Many concurrent writers each get a sequence number of their own")
    func groupCommit() async throws {
        let engine = try Engine.open(directory: directory.path)
        try await engine.createCollection("many", CollectionOptions(dimension: 0))
        let numbers = try await withThrowingTaskGroup(of: UInt64.self) { group in
            for writer in 0..<40 {
                group.addTask {
                    try await engine.index(
                        "many",
                        [
                            Document(id: "shared", metadata: ["by": .int(Int64(writer))]),
                            Document(id: try DocumentID("own\(writer)")),
                        ]
                    ).sequenceNumber
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(numbers).count == 40)
        #expect(try engine.describe("many").documents == 41)
        let last = try #require(numbers.max())
        #expect(try engine.describe("many").sequenceNumber == last)
        engine.close()
        let reopened = try Engine.open(directory: directory.path)
        #expect(try reopened.describe("many").documents == 41)
    }

    @Test("Calls end when their deadline has passed or their task is cancelled")
    func ends() async throws {
        let engine = try await animals()
        let request = SearchRequest(collection: "animals", queries: [Query([.near([1, 0])])])
        let late = await failure { _ = try await engine.search(request, timeout: .zero) }
        #expect(late?.code == .deadlineExceeded)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await failure { _ = try await engine.search(request) }
        }
        #expect(await task.value?.code == .cancelled)
        let write = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await failure { _ = try await engine.index("animals", [Document(id: "late")]) }
        }
        let error = await write.value
        #expect(error?.code == .cancelled && error?.outcome == .notApplied)
        #expect(try await engine.get(GetRequest(collection: "animals", ids: ["late"])).isEmpty)
    }
}
