// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Pages of edges")
struct EdgePageTests {
    private static let directions: [Direction] = [.outgoing, .incoming]

    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    private func pages(
        _ engine: Engine,
        _ request: ListEdgesRequest,
        between: (Int) async throws -> Void = { _ in }
    ) async throws -> [[ListedEdge]] {
        var request = request
        var pages: [[ListedEdge]] = []
        repeat {
            let page = try await engine.listEdges(request)
            #expect(page.edges.count <= request.limit)
            #expect(!page.edges.isEmpty || page.nextCursor == nil)
            pages.append(page.edges)
            request.cursor = page.nextCursor
            if request.cursor != nil { try await between(pages.count) }
        } while request.cursor != nil
        return pages
    }

    /// A store with a document "hub" that has edges to and from 2,000 others.
    private func filled() async throws -> Engine {
        let engine = try store.open()
        try await engine.createCollection("c", CollectionOptions(dimension: 0))
        var random = SeededGenerator(seed: 9)
        var outgoing: [Edge] = []
        for part in 0..<4 {
            var documents: [Document] = []
            for number in (part * 500)..<(part * 500 + 500) {
                let id = try DocumentID("s\((number * 7919) % 2_000)")
                var edges = [Edge("to", to: "hub", weight: Float(number))]
                if number % 3 == 0 { edges.append(Edge("also", to: "hub")) }
                documents.append(Document(id: id, edges: edges))
                outgoing.append(
                    Edge(
                        ["x", "y", "é", "z"][number % 4],
                        to: id,
                        weight: 0.5,
                        metadata: ["n": .int(Int64(number))]
                    )
                )
            }
            _ = try await engine.index("c", documents)
        }
        outgoing.shuffle(using: &random)
        _ = try await engine.index("c", [Document(id: "hub", edges: outgoing)])
        return engine
    }

    private func inOrder(_ edges: [ListedEdge]) -> [ListedEdge] {
        edges.sorted { left, right in
            let labels = (Array(left.label.utf8), Array(right.label.utf8))
            return labels.0 == labels.1
                ? left.id < right.id : labels.0.lexicographicallyPrecedes(labels.1)
        }
    }

    @Test(
        "Pages of edges of any size have every edge, also across a restart",
        arguments: directions
    )
    func sizes(_ direction: Direction) async throws {
        var engine = try await filled()
        let stored = try await engine.get(GetRequest(collection: "c", ids: ["hub"]))[0].edges
        var expected = stored.map {
            ListedEdge($0.label, $0.target, weight: $0.weight, metadata: $0.metadata)
        }
        if direction == .incoming {
            expected = []
            let page = try await engine.scan(ScanRequest(collection: "c", limit: 10_000))
            for document in page.documents where document.id != "hub" {
                expected += document.edges.map {
                    ListedEdge($0.label, document.id, weight: $0.weight)
                }
            }
        }
        var request = ListEdgesRequest(collection: "c", id: "hub", direction: direction)
        for limit in [7, 1_000, 10_000] {
            request.limit = limit
            let pages = try await pages(engine, request)
            let edges = pages.flatMap { $0 }
            #expect(inOrder(edges) == inOrder(expected))
            if direction == .outgoing { #expect(edges == inOrder(expected)) }
            #expect(pages.dropLast().allSatisfy { $0.count == limit })
            // No page follows the last edge.
            #expect(pages.count == (expected.count + limit - 1) / limit)
        }
        request.limit = 300
        var edges: [ListedEdge] = []
        for page in 0... {
            let next = try await engine.listEdges(request)
            edges += next.edges
            request.cursor = next.nextCursor
            if next.nextCursor == nil { break }
            if page == 2 { try await engine.compact("c") }
            if page == 3 {
                engine.close()
                engine = try store.open()
            }
        }
        #expect(inOrder(edges) == inOrder(expected))
        engine.close()
    }

    @Test("Pages of edges have only the requested labels", arguments: directions)
    func labels(_ direction: Direction) async throws {
        let engine = try await filled()
        defer { engine.close() }
        var request = ListEdgesRequest(collection: "c", id: "hub", direction: direction, limit: 50)
        let all = try await pages(engine, request).flatMap { $0 }
        for labels in [["also", "é"], ["e\u{301}"], ["to", "x", "to"], ["never"]] {
            request.labels = labels
            let edges = try await pages(engine, request).flatMap { $0 }
            let bytes = labels.map { Array($0.utf8) }
            #expect(edges == all.filter { bytes.contains(Array($0.label.utf8)) })
        }
    }

    @Test("Pages of edges have each edge once that is not written meanwhile", arguments: directions)
    func writes(_ direction: Direction) async throws {
        let engine = try await filled()
        defer { engine.close() }
        var random = SeededGenerator(seed: 4)
        var request = ListEdgesRequest(collection: "c", id: "hub", direction: direction, limit: 90)
        let before = try await pages(engine, request).flatMap { $0 }
        var touched: Set<DocumentID> = []
        request.limit = 70
        let edges = try await pages(engine, request) { page in
            for _ in 0..<5 {
                let id = try DocumentID("s\(Int.random(in: 0..<2_000, using: &random))")
                touched.insert(id)
                switch Int.random(in: 0..<3, using: &random) {
                case 0:
                    let drop = DropManyRequest(collection: "c", ids: [id])
                    _ = try await engine.dropMany(drop)
                case 1:
                    _ = try await engine.index(
                        "c",
                        [Document(id: id, edges: [Edge("new", to: "hub")])],
                        edges: [SourcedEdge(from: "hub", Edge("new", to: id))]
                    )
                default:
                    let new = try DocumentID("n\(page)-\(Int.random(in: 0..<99, using: &random))")
                    touched.insert(new)
                    _ = try await engine.index(
                        "c",
                        [Document(id: new, edges: [Edge("to", to: "hub")])],
                        edges: [SourcedEdge(from: "hub", Edge("x", to: new))]
                    )
                }
            }
            if page % 9 == 0 { _ = try await engine.compact("c") }
        }.flatMap { $0 }
        let untouched = { (edges: [ListedEdge]) in
            inOrder(edges.filter { !touched.contains($0.id) })
        }
        #expect(untouched(edges) == untouched(before))
        #expect(untouched(before).count > 1_500)
    }

    @Test("Pages of edges continue past dropped sources, and an expired cursor is refused")
    func droppedSources() async throws {
        let engine = try store.open()
        defer { engine.close() }
        try await engine.createCollection("c", CollectionOptions(dimension: 0))
        let ids = try (0..<10).map { try DocumentID("s\($0)") }
        _ = try await engine.index(
            "c",
            ids.map { Document(id: $0, edges: [Edge("to", to: "hub")]) }
        )
        var request = ListEdgesRequest(
            collection: "c",
            id: "hub",
            direction: .incoming,
            limit: 4
        )
        request.cursor = try await engine.listEdges(request).nextCursor
        func rest() async throws -> [DocumentID] {
            try await pages(engine, request).flatMap { $0.map(\.id) }
        }
        #expect(try await rest() == Array(ids[4...]))
        _ = try await engine.dropMany(DropManyRequest(collection: "c", ids: [ids[3]]))
        #expect(try await rest() == Array(ids[4...]))
        _ = try await engine.compact("c")
        #expect(try await rest() == Array(ids[4...]))
        _ = try await engine.dropMany(DropManyRequest(collection: "c", ids: [ids[4]]))
        #expect(try await rest() == Array(ids[5...]))
        _ = try await engine.compact("c")
        let error = await failure { _ = try await rest() }
        #expect(error?.code == .outOfRange)
        #expect(error?.reason == .cursorExpired)
        request.cursor = nil
        #expect(try await rest() == Array(ids[..<3] + ids[5...]))
    }

    @Test("Pages of edges skip nothing when the source at a cursor was dropped and came back")
    func returnedSource() async throws {
        let engine = try store.open()
        defer { engine.close() }
        try await engine.createCollection("c", CollectionOptions(dimension: 0))
        let ids = try (0..<10).map { try DocumentID("s\($0)") }
        let documents = ids.map { Document(id: $0, edges: [Edge("to", to: "hub")]) }
        _ = try await engine.index("c", documents)
        var request = ListEdgesRequest(collection: "c", id: "hub", direction: .incoming, limit: 4)
        request.cursor = try await engine.listEdges(request).nextCursor
        _ = try await engine.dropMany(DropManyRequest(collection: "c", ids: [ids[3]]))
        _ = try await engine.compact("c")
        _ = try await engine.index("c", [documents[3]])
        let rest = try await pages(engine, request).flatMap { $0.map(\.id) }
        #expect(rest == Array(ids[4...]) + [ids[3]])
    }

    @Test("Pages of edges end when their bytes are full, without lost or repeated edges")
    func bytes() async throws {
        var limits = Limits.standard
        limits.maxFrameBytes = 400_000
        let directory = try TemporaryDirectory()
        let engine = try Engine.open(
            directory: directory.path + "/store",
            options: Engine.Options(limits: limits)
        )
        defer { engine.close() }
        try await engine.createCollection("c", CollectionOptions(dimension: 0))
        let large = String(repeating: "x", count: 60_000)
        let edges = try (10..<25).map {
            Edge("to", to: try DocumentID("t\($0)"), metadata: ["m": .string(large)])
        }
        _ = try await engine.index("c", [Document(id: "hub", edges: edges)])
        let request = ListEdgesRequest(collection: "c", id: "hub", limit: 10_000)
        let pages = try await pages(engine, request)
        #expect(pages.map(\.count) == [3, 3, 3, 3, 3])
        #expect(pages.flatMap { $0.map(\.id) } == edges.map(\.target))
    }

    @Test("A page of edges is charged to the reply budget and ends when its call is cancelled")
    func budget() async throws {
        let engine = try await filled()
        defer { engine.close() }
        for direction in Self.directions {
            let request = ListEdgesRequest(collection: "c", id: "hub", direction: direction)
            let budget = ReplyBudget(
                maxWireBytes: 1_000,
                maxMemoryBytes: .max,
                memory: MemoryBudget(limit: .max)
            )
            let context = CallContext(
                deadline: .now.advanced(by: .seconds(300)),
                replyBudget: budget
            )
            let error = await failure { _ = try engine.listEdges(request, context: context) }
            #expect(error?.reason == .replyTooLarge)
            #expect(error?.recovery.contains("list_edges") == true)
            let cancelled = CallContext(timeout: .seconds(300))
            cancelled.cancel()
            let end = await failure { _ = try engine.listEdges(request, context: cancelled) }
            #expect(end?.code == .cancelled)
        }
    }

    @Test("Cursors of edges that no server issued are refused", arguments: directions)
    func cursors(_ direction: Direction) async throws {
        let engine = try await filled()
        defer { engine.close() }
        var request = ListEdgesRequest(collection: "c", id: "hub", direction: direction, limit: 2)
        let good = try #require(try await engine.listEdges(request).nextCursor).bytes
        var random = SeededGenerator(seed: 2)
        var bad = (0..<good.count).map { Array(good.prefix($0)) }
        bad.append(good + [0])
        bad.append([good[0] ^ 1] + good.dropFirst())
        bad.append([good[0], good[1] ^ 1] + good.dropFirst(2))
        for _ in 0..<500 {
            bad.append(
                (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            )
        }
        for bytes in bad {
            request.cursor = EdgeCursor(bytes)
            let error = await failure { _ = try await engine.listEdges(request) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.reason == .badCursor)
            #expect(error?.field == "cursor")
        }
        // A cursor with a changed byte is refused, or is a valid place.
        for position in good.indices {
            var bytes = good
            bytes[position] ^= 0xff
            request.cursor = EdgeCursor(bytes)
            let error = await failure { _ = try await engine.listEdges(request) }
            #expect([nil, .badCursor, .cursorExpired].contains(error?.reason))
        }
    }

    @Test("A list of edges with too many labels is refused")
    func tooManyLabels() async throws {
        let engine = try await filled()
        defer { engine.close() }
        let request = ListEdgesRequest(
            collection: "c",
            id: "hub",
            labels: Array(repeating: "x", count: Limits.standard.maxBatch + 1)
        )
        let error = await failure { _ = try await engine.listEdges(request) }
        #expect(error?.reason == .limit)
        #expect(error?.field == "labels")
    }
}
