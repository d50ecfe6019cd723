// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Row security by comparison", .serialized)
struct RowSecurityDifferentialTests {
    @Test("A credential's filter hides documents without a trace in any answer")
    func noTrace() async throws {
        let directory = try TemporaryDirectory()
        var options = Engine.Options(durability: .relaxed)
        options.compaction = CompactionPolicy(minimumChanges: .max)
        let whole = try Engine.open(directory: directory.path + "/whole", options: options)
        defer { whole.close() }
        let part = try Engine.open(directory: directory.path + "/part", options: options)
        defer { part.close() }
        for seed in 0..<UInt64(TestLength.cases(40, long: 20_000)) {
            var secured = SecuredCollection(seed: seed)
            try await compare(&secured, whole, part, seed)
        }
    }

    private func compare(
        _ secured: inout SecuredCollection,
        _ whole: Engine,
        _ part: Engine,
        _ seed: UInt64
    ) async throws {
        let name = "c"
        try await whole.createCollection(name, secured.options)
        try await write(&secured, to: whole)
        for turn in 0..<2 {
            let filter = secured.visibility()
            try await part.createCollection(name, secured.options)
            let shown = try await copy(filter, from: whole, to: part, secured)
            if secured.chance(3) { try await part.compact(name) }
            var questions = Questions(whole: whole, part: part, filter: filter)
            questions.label = "seed \(seed), turn \(turn), \(filter)"
            try questions.ask(&secured, shown)
            try await part.dropCollection(name)
        }
        if secured.options.dimension > 0, secured.chance(4) {
            try await approximate(&secured, whole)
        }
        try await whole.dropCollection(name)
    }

    /// Random batches, drops and compactions.
    private func write(_ secured: inout SecuredCollection, to engine: Engine) async throws {
        _ = try await engine.index("c", [secured.rootDocument])
        for _ in 0..<secured.number(3...9) {
            switch secured.number(0...9) {
            case 0:
                try await drop(
                    DropManyRequest(collection: "c", ids: [secured.pick(secured.ids)]),
                    secured,
                    engine
                )
            case 1:
                let filter = Filter.and([secured.filter(), .not(.ids([SecuredCollection.root]))])
                try await drop(DropManyRequest(collection: "c", filter: filter), secured, engine)
            case 2:
                let source = secured.pick(secured.ids)
                let edges = secured.edges(3).map { SourcedEdge(from: source, $0) }
                // Only a stored document has edges.
                _ = try? await engine.index("c", [], edges: edges)
            case 3: try await engine.compact("c")
            default:
                var batch: [Document] = []
                for id in secured.ids where secured.chance(3) { batch.append(secured.document(id)) }
                if !batch.isEmpty { _ = try await engine.index("c", batch) }
            }
        }
    }

    /// Drops documents; the root gets its edges to them again, so that the ids keep their numbers.
    private func drop(_ drop: DropManyRequest, _ secured: SecuredCollection, _ engine: Engine)
        async throws
    {
        _ = try await engine.dropMany(drop)
        let edges = secured.rootDocument.edges
        _ = try await engine.index(
            "c",
            [],
            edges: edges.map { SourcedEdge(from: SecuredCollection.root, $0) }
        )
    }

    /// Writes the documents that pass `filter` to an empty collection, in the order of their rows.
    ///
    /// - Returns: Their ids.
    private func copy(
        _ filter: Filter,
        from whole: Engine,
        to part: Engine,
        _ secured: SecuredCollection
    ) async throws -> Set<DocumentID> {
        var documents: [Document] = []
        var cursor: ScanCursor?
        repeat {
            let page = try await whole.scan(
                ScanRequest(collection: "c", cursor: cursor, limit: 50, filter: filter)
            )
            documents += page.documents
            cursor = page.nextCursor
        } while cursor != nil
        let root = try #require(documents.first)
        #expect(root.id == SecuredCollection.root)
        // The ids get the same numbers, then the root gets its edges in their order.
        let edges = secured.rootDocument.edges.map { SourcedEdge(from: root.id, $0) }
        _ = try await part.index("c", [secured.rootDocument])
        _ = try await part.dropMany(DropManyRequest(collection: "c", edges: edges))
        _ = try await part.index(
            "c",
            [],
            edges: root.edges.map { SourcedEdge(from: root.id, $0) }
        )
        // In a batch, documents with a vector come first.
        var batch: [Document] = []
        for document in documents.dropFirst() {
            if document.vector != nil, batch.last.map({ $0.vector == nil }) ?? false {
                _ = try await part.index("c", batch)
                batch = []
            }
            batch.append(document)
        }
        if !batch.isEmpty { _ = try await part.index("c", batch) }
        return Set(documents.map(\.id))
    }

    /// Approximate searches find visible documents only.
    private func approximate(_ secured: inout SecuredCollection, _ whole: Engine) async throws {
        try await whole.alterCollection("c", secured.strategy)
        try await whole.buildIndex("c")
        for _ in 0..<3 {
            let filter = secured.visibility()
            let context = CallContext(visibility: filter)
            let all = try whole.scan(ScanRequest(collection: "c", limit: 500), context: context)
            let shown = Set(all.documents.map(\.id))
            let vectors = all.documents.count { $0.vector != nil }
            let near = Query([.near(secured.vector())], limit: 10, include: [.explain])
            let mixed = Query([.near(secured.vector()), .matching("search tree graph")], limit: 10)
            let found = try whole.search(
                SearchRequest(collection: "c", queries: [near, mixed]),
                context: context
            )
            for result in found.results {
                #expect(shown.isSuperset(of: result.hits.map(\.id)))
            }
            if case .hnsw = secured.strategy {
                #expect(found.results[0].hits.count == min(10, vectors))
            }
        }
    }
}

/// Questions to a store by a credential, and to another one that has the visible documents alone.
private struct Questions {
    let whole: Engine
    let part: Engine
    let filter: Filter
    var label = ""

    private enum Outcome<Value: Equatable>: Equatable {
        case value(Value)
        case error(LodestoneError)
    }

    /// Compares the two answers to a question.
    private func same<Value: Equatable>(
        _ question: @autoclosure () -> String,
        _ answer: (Engine, CallContext) throws(LodestoneError) -> Value
    ) {
        func outcome(_ engine: Engine, _ context: CallContext) -> Outcome<Value> {
            do throws(LodestoneError) {
                return .value(try answer(engine, context))
            } catch {
                return .error(error)
            }
        }
        let restricted = outcome(whole, CallContext(visibility: filter))
        let plain = outcome(part, CallContext())
        if restricted == plain { return }
        let difference = Self.difference("\(restricted)", "\(plain)")
        Issue.record("\(label): \(question()) \(difference)")
    }

    /// The part at which two texts differ first.
    private static func difference(_ one: String, _ other: String) -> String {
        let common = zip(one, other).prefix { $0 == $1 }.count
        let part = { (text: String) in String(text.dropFirst(max(0, common - 150)).prefix(300)) }
        return "has with hidden documents … \(part(one)) … and without them … \(part(other)) …"
    }

    func ask(_ secured: inout SecuredCollection, _ shown: Set<DocumentID>) throws {
        for _ in 0..<6 {
            let query = secured.query()
            same("\(query)") { (engine, context) throws(LodestoneError) in
                let request = SearchRequest(collection: "c", queries: [query])
                return try engine.search(request, context: context).results.map { $0.comparable }
            }
        }
        let several = SearchRequest(collection: "c", queries: (0..<3).map { _ in secured.query() })
        same("\(several)") { (engine, context) throws(LodestoneError) in
            try engine.search(several, context: context).results.map { $0.comparable }
        }
        for _ in 0..<2 {
            let count = CountRequest(
                collection: "c",
                filter: secured.chance(2) ? nil : secured.filter(),
                facets: secured.chance(2) ? secured.facets() : []
            )
            same("\(count)") { (engine, context) throws(LodestoneError) in
                var response = try engine.count(count, context: context)
                response.sequenceNumber = 0
                response.filter = response.filter?.comparable
                return response
            }
            scan(&secured)
            let walks = WalkRequest(collection: "c", walks: [secured.walk(), secured.walk()])
            same("\(walks)") { (engine, context) throws(LodestoneError) in
                try engine.walk(walks, context: context).results
            }
        }
        let get = GetRequest(collection: "c", ids: secured.ids + [SecuredCollection.root])
        same("\(get)") { (engine, context) throws(LodestoneError) in
            try engine.get(get, context: context)
        }
        edges(&secured)
        same("description") { (engine, context) throws(LodestoneError) in
            let description = try engine.describe("c", context: context)
            return [description.documents, description.vectors, description.edges]
        }
    }

    private func scan(_ secured: inout SecuredCollection) {
        var scan = ScanRequest(
            collection: "c",
            limit: secured.number(1...9),
            filter: secured.chance(2) ? nil : secured.filter()
        )
        let path = secured.options.metadataIndexes.first?.path
        if let path, secured.chance(2) {
            scan.order = ScanOrder(path: path, isDescending: secured.chance(2))
        }
        same("\(scan)") { (engine, context) throws(LodestoneError) in
            var request = scan
            var pages: [[Document]] = []
            repeat {
                let page = try engine.scan(request, context: context)
                pages.append(page.documents)
                request.cursor = page.nextCursor
            } while request.cursor != nil && pages.count < 40
            return pages
        }
    }

    private func edges(_ secured: inout SecuredCollection) {
        for direction in [Direction.incoming, .outgoing] {
            let request = ListEdgesRequest(
                collection: "c",
                id: secured.pick(secured.ids),
                direction: direction,
                labels: secured.chance(2) ? [] : [secured.pick(SecuredCollection.labels)],
                limit: secured.number(1...4)
            )
            same("\(request)") { (engine, context) throws(LodestoneError) in
                var request = request
                var pages: [[ListedEdge]] = []
                repeat {
                    let page = try engine.listEdges(request, context: context)
                    pages.append(page.edges)
                    request.cursor = page.nextCursor
                } while request.cursor != nil && pages.count < 200
                return pages
            }
        }
    }
}

extension QueryResult {
    /// The result without the figures that depend on earlier calls.
    fileprivate var comparable: QueryResult {
        var result = self
        result.filter = filter?.comparable
        return result
    }
}

extension FilterExplanation {
    /// An answer from the cache has another strategy, and reads nothing.
    fileprivate var comparable: FilterExplanation {
        FilterExplanation(
            strategy: "",
            matchedDocuments: matchedDocuments,
            readDocuments: 0
        )
    }
}
