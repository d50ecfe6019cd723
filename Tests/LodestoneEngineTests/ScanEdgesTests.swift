// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Scan with an edge limit")
struct ScanEdgesTests {
    /// The ways of a scan: by rows, by a filter's rows, and in the order of a field.
    private static let ways: [(Filter?, ScanOrder?)] = [
        (nil, nil), (.range(path: ["n"], lower: .init(0), upper: nil), nil),
        (nil, ScanOrder(path: ["n"])),
    ]

    private let store: TestStore

    init() throws { store = try TestStore() }

    private func edges(_ count: Int, size: Int = 1) -> [Edge] {
        (0..<count).map { number in
            Edge(
                "to",
                to: DocumentID(stringLiteral: "t\(10_000 + number)"),
                metadata: ["m": .string(String(repeating: "x", count: size))]
            )
        }
    }

    private func filled(_ documents: [Document], _ limits: Limits = .standard) async throws
        -> Engine
    {
        let engine = try Engine.open(
            directory: store.path,
            options: Engine.Options(limits: limits)
        )
        let options = CollectionOptions(dimension: 0, metadataIndexes: [MetadataIndex("n")])
        _ = try await engine.createCollection("c", options)
        for (number, document) in documents.enumerated() {
            var document = document
            document.metadata["n"] = .int(Int64(number))
            _ = try await engine.index("c", [document])
        }
        return engine
    }

    /// The edges from a cursor on, in pages of seven.
    private func edges(of id: DocumentID, from cursor: EdgeCursor?, _ engine: Engine)
        async throws(LodestoneError) -> [Edge]
    {
        var request = ListEdgesRequest(collection: "c", id: id, limit: 7, cursor: cursor)
        var edges: [Edge] = []
        repeat {
            let page = try await engine.listEdges(request)
            edges += page.edges.map {
                Edge($0.label, to: $0.id, weight: $0.weight, metadata: $0.metadata)
            }
            request.cursor = page.nextCursor
        } while request.cursor != nil
        return edges
    }

    @Test(
        "A scan with an edge limit ends a page at each document with more edges, then continues",
        arguments: [0, 1, 2]
    )
    func pages(_ way: Int) async throws {
        let counts = [3, 100, 4, 5, 70, 0, 5, 6]
        let documents = counts.enumerated().map { number, count in
            Document(id: DocumentID(stringLiteral: "d\(number)"), edges: edges(count))
        }
        let engine = try await filled(documents)
        defer { engine.close() }
        let (filter, order) = Self.ways[way]
        var request = ScanRequest(collection: "c", filter: filter, order: order, maxEdges: 5)
        var pages: [[String]] = []
        var found: [Int] = []
        repeat {
            let page = try await engine.scan(request)
            pages.append(page.documents.map(\.id.string))
            for document in page.documents.dropLast(page.edgesCursor == nil ? 0 : 1) {
                found.append(document.edges.count)
            }
            if let cursor = page.edgesCursor, let last = page.documents.last {
                #expect(last.edges.isEmpty)
                let all = try await edges(of: last.id, from: cursor, engine)
                #expect(all == documents[found.count].edges)
                found.append(all.count)
            }
            request.cursor = page.nextCursor
        } while request.cursor != nil
        #expect(pages == [["d0", "d1"], ["d2", "d3", "d4"], ["d5", "d6", "d7"], []])
        #expect(found == counts)
        // Without edges in the request, no edges are left out.
        request.include = [.metadata]
        let bare = try await engine.scan(request)
        #expect(bare.documents.count == counts.count && bare.edgesCursor == nil)
    }

    @Test("A scan with an edge limit leaves out edges that take half a frame")
    func bytes() async throws {
        var limits = Limits.standard
        limits.maxFrameBytes = 1 << 20
        let engine = try await filled([Document(id: "a")], limits)
        defer { engine.close() }
        let large = edges(20, size: 50_000)
        for edge in large {
            _ = try await engine.index("c", [], edges: [SourcedEdge(from: "a", edge)])
        }
        let page = try await engine.scan(ScanRequest(collection: "c", maxEdges: 1_000))
        #expect(page.documents.map(\.edges.count) == [0])
        #expect(try await edges(of: "a", from: page.edgesCursor, engine) == large)
    }

    @Test("An edge cursor of a scan is valid for one version of its document")
    func versions() async throws {
        let hub = Document(id: "hub", edges: edges(100))
        let engine = try await filled([hub])
        defer { engine.close() }
        let scan = ScanRequest(collection: "c", maxEdges: 5)
        let first = try await engine.scan(scan)
        let start = try #require(first.edgesCursor)
        var request = ListEdgesRequest(collection: "c", id: "hub", limit: 7, cursor: start)
        let next = try await engine.listEdges(request).nextCursor
        // A change of edges makes no new version.
        let more = Edge("zo", to: "u")
        _ = try await engine.index("c", [], edges: [SourcedEdge(from: "hub", more)])
        #expect(try await edges(of: "hub", from: start, engine) == hub.edges + [more])
        for change in 0..<2 {
            if change == 0 {
                _ = try await engine.index("c", [hub])
            } else {
                _ = try await engine.dropMany(DropManyRequest(collection: "c", ids: ["hub"]))
            }
            for cursor in [start, next] {
                request.cursor = cursor
                let error = await #expect(throws: LodestoneError.self) {
                    try await engine.listEdges(request)
                }
                #expect(error?.reason == .cursorExpired && error?.code == .outOfRange)
            }
            // The scan continues with the new version.
            let rest = try await engine.scan(
                ScanRequest(collection: "c", cursor: first.nextCursor, maxEdges: 5)
            )
            #expect(rest.documents.map(\.id) == (change == 0 ? ["hub"] : []))
        }
        for (id, direction) in [("hub", Direction.incoming), ("other", .outgoing)] {
            let wrong = ListEdgesRequest(
                collection: "c",
                id: DocumentID(stringLiteral: id),
                direction: direction,
                cursor: start
            )
            let error = await #expect(throws: LodestoneError.self) {
                try await engine.listEdges(wrong)
            }
            #expect(error?.reason == .badCursor)
        }
        for byteCount in 0..<6 {
            request.cursor = EdgeCursor(Array(start.bytes.prefix(byteCount)))
            let error = await #expect(throws: LodestoneError.self) {
                try await engine.listEdges(request)
            }
            #expect(error?.reason == .badCursor)
        }
    }
}
