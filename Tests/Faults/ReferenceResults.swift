// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneEngine
import TestSupport

/// The results of an undamaged large store, by its sequence number.
///
/// Its documents are compared with the script. A search for each in every way of `Probe` would take
/// minutes.
struct ReferenceResults {
    private struct Reference {
        var documents: [String: Document]
        var results: QuerySetResults
    }

    private let script: Script
    private let folder: String
    private let querySet: QuerySet
    private let allIDs: [DocumentID]
    private var references: [Int: Reference] = [:]

    /// Creates the results; `folder` has the undamaged stores, under the names of `Inspector`.
    init(script: Script, folder: String) {
        self.script = script
        self.folder = folder
        querySet = QuerySet(script)
        allIDs = script.model(at: script.lastSequenceNumber).allIDs.compactMap {
            try? DocumentID($0)
        }
    }

    /// Compares a store with the undamaged one at the same sequence number.
    mutating func check(_ store: OwnStore, at sequenceNumber: Int) async throws {
        let reference = try await reference(sequenceNumber)
        try await compareDocuments(of: store, with: reference.documents)
        let results = try await querySet.results(of: store)
        if let difference = reference.results.difference(to: results, querySet) {
            throw Finding(.wrong, difference)
        }
    }

    private mutating func reference(_ sequenceNumber: Int) async throws -> Reference {
        if let reference = references[sequenceNumber] { return reference }
        let original = "\(folder)/\(Inspector.reference(sequenceNumber))"
        guard FileManager.default.fileExists(atPath: original) else {
            throw Finding(.lost, "The store went back to sequence number \(sequenceNumber).")
        }
        let copy = "\(folder)/reference-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.copyItem(atPath: original, toPath: copy)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        var documents: [String: Document] = [:]
        for (id, model) in script.model(at: sequenceNumber).documents {
            documents[id] = try script.content.document(id, model)
        }
        let store = OwnStore(engine: try Engine.open(directory: copy))
        defer { store.engine.close() }
        try await compareDocuments(of: store, with: documents)
        let reference = Reference(
            documents: documents,
            results: try await querySet.results(of: store)
        )
        references[sequenceNumber] = reference
        return reference
    }

    /// Compares every document by a scan and by ids, and then the number of documents.
    private func compareDocuments(of store: OwnStore, with expected: [String: Document])
        async throws
    {
        var count = 0
        var cursor: ScanCursor?
        repeat {
            let page = try await store.page(after: cursor)
            for document in page.documents {
                let id = document.id.string
                if let text = difference(expected[id], document) {
                    throw Finding(.wrong, "In a scan, \(id) \(text).")
                }
            }
            count += page.documents.count
            cursor = page.nextCursor
        } while cursor != nil
        let description = try store.description()
        let edges = expected.values.reduce(0) { $0 + $1.edges.count }
        guard count == expected.count, description.documents == count,
            description.vectors == count, description.edges == edges
        else {
            throw Finding(
                .wrong,
                "A scan finds \(count) documents instead of \(expected.count); the collection "
                    + "says \(description.documents) documents, \(description.vectors) vectors, "
                    + "\(description.edges) edges instead of \(edges)."
            )
        }
        let found = try await store.existing(allIDs).map(\.string)
        guard Set(found) == Set(expected.keys), found.count == count else {
            throw Finding(.wrong, "By id there are \(found.count) documents instead of \(count).")
        }
    }
}

/// Queries of every kind to a large store.
struct QuerySet {
    private(set) var queries: [Query] = []
    private(set) var walks: [Walk] = []
    private(set) var counts: [Filter] = []

    static let facets = [FacetRequest(path: ["words"], limit: 1_000), FacetRequest(path: ["even"])]
    static let order = ScanOrder(path: ["version"], isDescending: true)

    init(_ script: Script) {
        let model = script.model(at: script.lastSequenceNumber)
        let content = script.content
        var random = SeededGenerator(seed: content.seed)
        let ids = model.documents.keys.sorted().shuffled(using: &random)
        func version(_ id: String) -> Int { model.documents[id]?.version ?? 0 }
        func token(_ id: String) -> String { content.token(id, version(id)) }

        // Words that only one document has: by word, by a word with an error, by phrase.
        let late = script.steps.suffix(ScriptSize.logged)
            .filter { $0.collection == Faults.collection }
            .flatMap { $0.batch.indexed.map(\.id) }
        for id in ids.prefix(200) + late { add(token(id), 3) }
        for id in ids.prefix(40) { add(Probe.mistyped(token(id)) + "~1", 3) }
        for (id, version) in model.deleted.sorted(by: { $0.key < $1.key }).prefix(100) {
            add(content.token(id, version), 3)
        }
        // Words that many documents have.
        for id in ids.prefix(20) {
            let words = (0..<4).map { _ in content.word(using: &random) }
            queries.append(Query([.matching(words.joined(separator: " "))]))
            add("\(words[0]) AND NOT \(words[1])", 1_000)
            add("(\(words[0]) OR \(words[1])) AND (\(words[2]) OR \(words[3]))", 100)
            let texts = (try? model.documents[id].map { try content.document(id, $0).text }) ?? []
            let body = texts.last?.text.split(separator: " ").prefix(2).joined(separator: " ")
            if let body { add("\"\(body)\"", 100) }
        }
        for id in ids.prefix(5) {
            add(content.word(using: &random) + "~", 100)
            add(content.word(using: &random).prefix(4) + "*", 100)
            add("*" + content.word(using: &random).dropFirst(2).prefix(6) + "*", 100)
            add("title:" + content.word(using: &random), 100)
            let vector = content.vector(id, version(id) + 1)
            let word = content.word(using: &random)
            queries.append(Query([.near(vector, exact: true), .matching(word)]))
        }
        addFiltered(ids, content, model, &random)
        for id in ids.prefix(200) {
            guard let start = try? DocumentID(id) else { continue }
            walks.append(Walk(from: [start]))
            walks.append(Walk(from: [start], direction: .incoming))
        }
        for id in ids.prefix(10) {
            guard let start = try? DocumentID(id) else { continue }
            walks.append(Walk(from: [start], labels: ["cites"], direction: .both, depth: 4))
        }
    }

    private mutating func add(_ text: String, _ limit: Int) {
        queries.append(Query([.matching(text, mode: .querySyntax)], limit: limit))
    }

    private mutating func addFiltered(
        _ ids: [String],
        _ content: Content,
        _ model: WriterModel,
        _ random: inout SeededGenerator
    ) {
        let versions = model.documents.values.map { Int64($0.version) }.sorted()
        let middle = Value.int(versions[versions.count / 2])
        let late = Filter.range(path: ["version"], lower: .init(middle), upper: nil)
        for id in ids.prefix(10) {
            let version = model.documents[id]?.version ?? 0
            // The document itself, by an index and by comparing with a few.
            queries.append(Query([.near(content.vector(id, version))], limit: 1))
            let same = Filter.equal(path: ["version"], .int(Int64(version)))
            queries.append(Query([.near(content.vector(id, version))], filter: same))
            let word = content.word(using: &random)
            queries.append(Query([.matching(word)], filter: .and([late, .not(same)])))
            counts.append(.contains(path: ["words"], .string(word)))
        }
        counts += [late, .not(late), .equal(path: ["even"], .bool(true))]
        // No field index has these fields.
        let half = Filter.Bound(.double(0.5))
        counts.append(.and([late, .range(path: ["weight"], lower: half, upper: nil)]))
    }

    /// Runs all queries.
    func results(of store: OwnStore) async throws -> QuerySetResults {
        var counted: [Int] = []
        for filter in counts { counted.append(try await store.count(filter).count) }
        return QuerySetResults(
            results: try await store.results(of: queries),
            walks: try await store.results(of: walks),
            counts: counted,
            facets: try await store.count(nil, facets: Self.facets).facets,
            ordered: try await store.ids(in: Self.order)
        )
    }
}

/// The results of a store for a `QuerySet`.
struct QuerySetResults {
    var results: [QueryResult]
    var walks: [WalkResult]
    var counts: [Int]
    var facets: [Facet]
    var ordered: [DocumentID]

    /// The first difference in `other`, if there is one.
    func difference(to other: QuerySetResults, _ querySet: QuerySet) -> String? {
        for (index, query) in querySet.queries.enumerated() {
            let (expected, actual) = (results[index], other.results[index])
            if !Self.agree(expected.hits, actual.hits) {
                return "\(query): \(actual.hits) instead of \(expected.hits)"
            }
        }
        for (index, walk) in querySet.walks.enumerated()
        where !Self.agree(walks[index], other.walks[index]) {
            return "\(walk): \(other.walks[index]) instead of \(walks[index])"
        }
        for (index, filter) in querySet.counts.enumerated()
        where counts[index] != other.counts[index] {
            return "\(filter): \(other.counts[index]) instead of \(counts[index])"
        }
        if facets != other.facets { return "Facets: \(other.facets) instead of \(facets)" }
        if ordered != other.ordered { return "In order: \(other.ordered) instead of \(ordered)" }
        return nil
    }

    /// Equally far documents are reached in any order, and over any of several edges.
    private static func agree(_ expected: WalkResult, _ actual: WalkResult) -> Bool {
        func depths(_ result: WalkResult) -> [DocumentID: Int] {
            Dictionary(result.reached.map { ($0.id, $0.depth) }) { first, _ in first }
        }
        return depths(expected) == depths(actual)
            && expected.reached.count == actual.reached.count
            && expected.endedBy == actual.endedBy
    }

    /// The sums of a scan, and of a rebuilt index, may be rounded otherwise.
    private static func agree(_ expected: [Hit], _ actual: [Hit]) -> Bool {
        expected.count == actual.count
            && zip(expected, actual).allSatisfy {
                $0.id == $1.id && abs($0.score - $1.score) < 1e-5
            }
    }
}
