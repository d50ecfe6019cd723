// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Row security")
struct RowSecurityTests {
    private static let mine = Filter.equal(path: ["owner"], "me")
    private static let context = CallContext(visibility: mine)

    /// A collection with the documents `mine`, and `hidden` of another owner.
    private static func filled(_ store: TestStore) async throws -> Engine {
        let engine = try store.open()
        try await engine.createCollection("c", CollectionOptions(dimension: 2))
        _ = try await engine.index(
            "c",
            [
                Document(
                    id: "mine",
                    vector: [1, 0],
                    text: [TextField(name: "body", text: "apples")],
                    metadata: ["owner": "me"],
                    edges: [Edge("likes", to: "hidden")]
                ),
                Document(
                    id: "hidden",
                    vector: [1, 0],
                    text: [TextField(name: "body", text: "pears")],
                    metadata: ["owner": "you"],
                    edges: [Edge("likes", to: "mine"), Edge("secret", to: "mine")]
                ),
            ]
        )
        return engine
    }

    private static func write(_ engine: Engine, _ write: Engine.Write, _ id: RequestID = .random())
        async throws -> WriteReceipt
    {
        try await withCheckedContinuation { continuation in
            engine.write(write, requestID: id, context: context) {
                continuation.resume(returning: $0)
            }
        }.get()
    }

    private static func index(_ documents: [Document], edges: [SourcedEdge] = []) -> Engine.Write {
        .indexMany(IndexManyRequest(collection: "c", documents: documents, edges: edges))
    }

    private static func all(_ engine: Engine) async throws -> [Document] {
        try await engine.scan(ScanRequest(collection: "c")).documents
    }

    @Test("A credential can't write a document that it would not see")
    func writesItsOwn() async throws {
        let store = try TestStore()
        let engine = try await Self.filled(store)
        defer { engine.close() }
        let own = Document(id: "new", metadata: ["owner": "me"])
        #expect(try await Self.write(engine, Self.index([own])).inserted == 1)
        let other = Document(id: "other", metadata: ["owner": "you"])
        let error = await failure { _ = try await Self.write(engine, Self.index([own, other])) }
        #expect(error?.code == .permissionDenied)
        #expect(error?.reason == .rowSecurity)
        #expect(error?.object == "other")
        // Nor can it give a document away.
        let given = Document(id: "mine", metadata: ["owner": "you"])
        let second = await failure { _ = try await Self.write(engine, Self.index([given])) }
        #expect(second?.reason == .rowSecurity)
        #expect(try await Self.all(engine).map(\.id) == ["mine", "hidden", "new"])
    }

    @Test("A credential can't replace a hidden document, and gets the same error as for its own")
    func replacesNoHidden() async throws {
        let store = try TestStore()
        let engine = try await Self.filled(store)
        defer { engine.close() }
        let before = try await Self.all(engine)
        let taken = Document(id: "hidden", metadata: ["owner": "me"])
        let error = await failure { _ = try await Self.write(engine, Self.index([taken])) }
        let foreign = Document(id: "hidden", metadata: ["owner": "you"])
        let same = await failure { _ = try await Self.write(engine, Self.index([foreign])) }
        #expect(error?.reason == .rowSecurity)
        #expect(error == same)
        #expect(try await Self.all(engine) == before)
    }

    @Test("Two writes at once can't replace a document that became hidden in between")
    func seesEarlierWrites() async throws {
        let store = try TestStore()
        let engine = try await Self.filled(store)
        defer { engine.close() }
        for number in 0..<50 {
            let id = DocumentID(stringLiteral: "d\(number)")
            async let first = engine.index("c", [Document(id: id, metadata: ["owner": "you"])])
            async let second = Self.write(
                engine,
                Self.index([Document(id: id, metadata: ["owner": "me"])])
            )
            _ = try await first
            let replaced = try? await second.replaced
            // The second write came first, or was refused.
            #expect(replaced ?? 0 == 0)
            let owner = try await engine.get(GetRequest(collection: "c", ids: [id]))[0]
            #expect(owner.metadata["owner"] == "you")
        }
    }

    @Test("A drop leaves hidden documents, and reports them as if they did not exist")
    func dropsNoHidden() async throws {
        let store = try TestStore()
        let engine = try await Self.filled(store)
        defer { engine.close() }
        let named = DropManyRequest(collection: "c", ids: ["hidden", "nothing"])
        #expect(try await Self.write(engine, .dropMany(named)).dropped == 0)
        let edge = SourcedEdge(from: "hidden", Edge("secret", to: "mine"))
        let edges = DropManyRequest(collection: "c", edges: [edge])
        #expect(try await Self.write(engine, .dropMany(edges)).dropped == 0)
        let found = try await engine.get(GetRequest(collection: "c", ids: ["hidden"]))[0]
        #expect(found.edges.count == 2)
        let every = DropManyRequest(collection: "c", filter: .exists(path: ["owner"], true))
        #expect(try await Self.write(engine, .dropMany(every)).dropped == 1)
        #expect(try await Self.all(engine).map(\.id) == ["hidden"])
    }

    @Test("An edge may lead to a hidden document, and may not leave one")
    func edges() async throws {
        let store = try TestStore()
        let engine = try await Self.filled(store)
        defer { engine.close() }
        let to = SourcedEdge(from: "mine", Edge("cites", to: "hidden"))
        _ = try await Self.write(engine, Self.index([], edges: [to]))
        func error(_ source: DocumentID) async -> LodestoneError? {
            let from = SourcedEdge(from: source, Edge("cites", to: "mine"))
            return await failure { _ = try await Self.write(engine, Self.index([], edges: [from])) }
        }
        let (hidden, absent) = (await error("hidden"), await error("absent"))
        #expect(hidden?.reason == .noSource)
        #expect(hidden?.code == absent?.code)
        #expect(
            hidden?.message.replacing("hidden", with: "absent") == absent?.message
        )
    }

    @Test("A repeated write gets its receipt, though its document has been replaced by another's")
    func replays() async throws {
        let store = try TestStore()
        let engine = try await Self.filled(store)
        defer { engine.close() }
        let id = RequestID.random()
        let own = Self.index([Document(id: "new", metadata: ["owner": "me"])])
        let receipt = try await Self.write(engine, own, id)
        _ = try await engine.index("c", [Document(id: "new", metadata: ["owner": "you"])])
        let repeated = try await Self.write(engine, own, id)
        #expect(repeated.sequenceNumber == receipt.sequenceNumber)
        #expect(await failure { _ = try await Self.write(engine, own) }?.reason == .rowSecurity)
    }

    @Test("Reads of one document by id take a hidden one for absent")
    func readsByID() async throws {
        let store = try TestStore()
        let engine = try await Self.filled(store)
        defer { engine.close() }
        let get = GetRequest(collection: "c", ids: ["hidden", "mine", "absent"], include: [])
        #expect(try engine.get(get, context: Self.context).map(\.id) == ["mine"])
        for id: DocumentID in ["hidden", "absent"] {
            let request = ListEdgesRequest(collection: "c", id: id)
            #expect(try engine.listEdges(request, context: Self.context).edges.isEmpty)
        }
        let entering = ListEdgesRequest(collection: "c", id: "mine", direction: .incoming)
        #expect(try engine.listEdges(entering, context: Self.context).edges.isEmpty)
        #expect(try await engine.listEdges(entering).edges.count == 2)
    }

    @Test("A made-up cursor does not tell which ids and labels hidden documents have")
    func cursors() async throws {
        let store = try TestStore()
        let engine = try await Self.filled(store)
        defer { engine.close() }
        var request = ListEdgesRequest(collection: "c", id: "mine", direction: .incoming, limit: 1)
        request.cursor = try await engine.listEdges(request).nextCursor
        #expect(request.cursor != nil)
        #expect(try await engine.listEdges(request).edges.count == 1)
        let error = await failure {
            _ = try engine.listEdges(request, context: Self.context)
        }
        #expect(error?.reason == .cursorExpired)
    }

    @Test(
        "Words of hidden documents take no place among the corrections of a typing error",
        arguments: [TextIndexStrategy.postings, .fts5]
    )
    func corrections(strategy: TextIndexStrategy) async throws {
        let store = try TestStore()
        let engine = try store.open()
        defer { engine.close() }
        let options = CollectionOptions(dimension: 0, textStrategy: strategy)
        try await engine.createCollection("c", options)
        func write(_ words: [String], of owner: Value) async throws {
            let documents = words.enumerated().map { number, word in
                Document(
                    id: DocumentID(stringLiteral: "\(word)-\(number)"),
                    text: [TextField(name: "body", text: word)],
                    metadata: ["owner": owner]
                )
            }
            _ = try await engine.index("c", documents)
        }
        try await write(["abcxx", "klmnx", "klmnz", "klmnz"], of: "me")
        // The first is nearer to `abcde`, and the others make `klmnx` the more frequent word.
        try await write(["abcdx", "hidden", "klmnx", "klmnx", "klmnx"], of: "you")
        func hits(_ text: String) throws -> [String] {
            let fuzziness = Fuzziness(.edits(2), maxExpansions: 1)
            let query = Query([.matching(text, fuzzy: fuzziness)])
            let request = SearchRequest(collection: "c", queries: [query])
            let found = try engine.search(request, context: Self.context)
            return found.results[0].hits.map(\.id.string)
        }
        #expect(try hits("abcde") == ["abcxx-0"])
        #expect(try hits("klmno") == ["klmnz-2", "klmnz-3"])
    }

    @Test("Hybrid scores compare with ordinary documents among the visible ones alone")
    func ordinaryDocuments() async throws {
        let store = try TestStore()
        let (whole, part) = (try store.open(copy: "whole"), try store.open(copy: "part"))
        defer {
            whole.close()
            part.close()
        }
        var random = SeededGenerator(seed: 5)
        let documents = (0..<600).map { number in
            Document(
                id: DocumentID(stringLiteral: "d\(number)"),
                vector: [.random(in: -1...1, using: &random), .random(in: -1...1, using: &random)],
                text: [TextField(name: "body", text: "word \(number % 7)")],
                metadata: ["owner": Bool.random(using: &random) ? "me" : "you"]
            )
        }
        for (engine, shown) in [
            (whole, documents), (part, documents.filter { $0.metadata["owner"] == "me" }),
        ] {
            try await engine.createCollection("c", CollectionOptions(dimension: 2))
            _ = try await engine.index("c", shown)
        }
        for number in 0..<20 {
            let query = Query(
                [.near([Float(number) - 10, 3]), .matching("\(number % 7)")],
                filter: number < 10 ? nil : .not(.ids(["d1", "d2", "d3"]))
            )
            let request = SearchRequest(collection: "c", queries: [query])
            let found = try whole.search(request, context: Self.context).results[0].hits
            #expect(try found == part.search(request, context: CallContext()).results[0].hits)
        }
    }

    @Test("The next read shows a document from the moment that it passes the filter")
    func followsWrites() async throws {
        let store = try TestStore()
        let engine = try await Self.filled(store)
        defer { engine.close() }
        let query = Query([.matching("pears apples")], limit: 5)
        let search = SearchRequest(collection: "c", queries: [query])
        func hits() throws -> [DocumentID] {
            try engine.search(search, context: Self.context).results[0].hits.map(\.id)
        }
        #expect(try hits() == ["mine"])
        _ = try await engine.index(
            "c",
            [
                Document(
                    id: "hidden",
                    text: [TextField(name: "body", text: "pears")],
                    metadata: ["owner": "me"]
                )
            ]
        )
        #expect(try Set(hits()) == ["mine", "hidden"])
        _ = try await engine.compact("c")
        #expect(try Set(hits()) == ["mine", "hidden"])
        _ = try await engine.dropMany(DropManyRequest(collection: "c", ids: ["mine"]))
        #expect(try hits() == ["hidden"])
    }

    @Test("No short search or walk on the event loop bypasses a credential's filter")
    func inline() async throws {
        let store = try TestStore()
        let engine = try await Self.filled(store)
        defer { engine.close() }
        let soon = ContinuousClock.now + .seconds(5)
        let search = SearchRequest(collection: "c", queries: [Query([.near([1, 0])])])
        let walks = WalkRequest(collection: "c", walks: [Walk(from: ["mine"], depth: 1)])
        _ = try await (engine.search(search), engine.walk(walks))
        #expect(try engine.searchInline(search, until: soon, context: CallContext()) != nil)
        #expect(try engine.searchInline(search, until: soon, context: Self.context) == nil)
        guard case .done = try engine.walkInline(walks, until: soon, context: CallContext()) else {
            return #expect(Bool(false), "The walk is not short.")
        }
        guard case .notBegun = try engine.walkInline(walks, until: soon, context: Self.context)
        else { return #expect(Bool(false), "The walk ran on the loop.") }
    }

    @Test("Descriptions and statistics have the figures of the visible documents alone")
    func descriptions() async throws {
        let store = try TestStore()
        let engine = try await Self.filled(store)
        defer { engine.close() }
        let description = try engine.describe("c", context: Self.context)
        #expect(description.documents == 1)
        #expect(description.vectors == 1)
        #expect(description.edges == 1)
        #expect(description.index.indexedVectors == 1)
        #expect(description.changesSinceBase == 0)
        #expect(try engine.collections(context: Self.context) == [description])
        let stats = try engine.stats(context: Self.context)
        #expect(stats.collections == [description])
        #expect(stats.statistics.isEmpty)
        #expect(try engine.describe("c", context: CallContext()).documents == 2)
    }

    @Test("A call that sees some documents can't act on all of them")
    func actsOnNoOther() async throws {
        let store = try TestStore()
        let engine = try await Self.filled(store)
        defer { engine.close() }
        let change = CollectionChange(addedIndexes: [MetadataIndex("owner")])
        let calls: [() async throws -> Void] = [
            { _ = try await Self.write(engine, .dropCollection(name: "c")) },
            { _ = try await Self.write(engine, .alterCollection(name: "c", change)) },
            {
                let options = CollectionOptions(dimension: 0)
                _ = try await Self.write(engine, .createCollection(name: "d", options))
            },
            { _ = try engine.createSnapshot("s", context: Self.context) },
            { _ = try engine.snapshots(context: Self.context) },
            { _ = try engine.fetchSnapshot("s", at: 0, maxBytes: 1, context: Self.context) },
            { _ = try engine.verify(context: Self.context) },
            { _ = try engine.erase("c", context: Self.context) },
        ]
        for call in calls {
            let error = await failure(call)
            #expect(error?.code == .permissionDenied)
            #expect(error?.reason == .rowSecurity)
        }
    }
}
