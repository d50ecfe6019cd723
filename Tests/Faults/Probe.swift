// SPDX-License-Identifier: Apache-2.0
import LodestoneClient

/// Looks for the documents of a writer in every way.
///
/// The ways are: by id, by vector, by word, by a word with a typing error, by phrase, by a filter
/// and over edges. Dropped and replaced versions must not be found in any of them.
struct Probe {
    let store: any QueriedStore
    let content: Content
    let model: WriterModel

    /// The most documents per call.
    private static let stride = 100
    /// The share of documents that an index may miss: one in so many.
    private static let missable = 10

    /// Checks the documents `touched` and some others; all of them when it is `nil`.
    func check(_ touched: Set<String>?, withOthers: Bool = true) async throws {
        let all = Set(model.documents.keys).union(model.deleted.keys).sorted()
        let some = touched.map { $0.union(withOthers ? all.prefix(20) : []).sorted() } ?? all
        let sources = incomingEdges()
        for start in Swift.stride(from: 0, to: some.count, by: Self.stride) {
            let ids = Array(some[start..<min(start + Self.stride, some.count)])
            try await checkRows(ids)
            try await checkSearches(ids)
            try await checkWalks(ids, sources)
        }
    }

    private func checkRows(_ ids: [String]) async throws {
        let documents = try await store.documents(ids.map { try DocumentID($0) })
        let stored = Dictionary(documents.map { ($0.id.string, $0) }) { first, _ in first }
        for id in ids {
            let expected = try model.documents[id].map { try content.document(id, $0) }
            if let text = difference(expected, stored[id]) {
                throw Finding(.disagreement, "By id, \(id) \(text).")
            }
        }
    }

    /// A word with one letter wrong.
    static func mistyped(_ word: String) -> String {
        word.prefix(3) + (word.dropFirst(3).first == "x" ? "y" : "x") + word.dropFirst(4)
    }

    private func checkSearches(_ ids: [String]) async throws {
        var queries: [(query: Query, id: String, isThere: Bool, how: String)] = []
        func match(_ text: String) -> Query {
            Query([.matching(text, mode: .querySyntax)], limit: 2)
        }
        func add(_ id: String, _ version: Int, isThere: Bool) {
            let vector = content.vector(id, version)
            let exact = Source.near(vector, exact: true)
            queries.append((Query([exact], limit: 1), id, isThere, "vector"))
            queries.append((Query([.near(vector)], limit: 1), id, isThere, "index"))
            let same = Filter.equal(path: ["version"], .int(Int64(version)))
            queries.append((Query([exact], filter: same, limit: 1), id, isThere, "filter"))
            let token = content.token(id, version)
            queries.append((match(token), id, isThere, "word"))
            queries.append((match("\(Self.mistyped(token))~1"), id, isThere, "mistyped word"))
            let first = content.firstWord(id, version)
            queries.append((match("\"\(first) \(token)\""), id, isThere, "phrase"))
            let both = "(\(token) OR nowhere) AND body:\(first) AND NOT \"\(token) \(token)\""
            queries.append((match(both), id, isThere, "words together"))
        }
        for id in ids {
            if let live = model.documents[id] { add(id, live.version, isThere: true) }
            if let deleted = model.deleted[id] { add(id, deleted, isThere: false) }
        }
        if queries.isEmpty { return }
        let results = try await store.results(of: queries.map(\.query))
        var missed = 0
        for (expectation, result) in zip(queries, results) {
            let found = result.hits.map(\.id.string)
            // An index may miss a few, and return the next nearest instead.
            if expectation.how == "index", expectation.isThere, found.count == 1,
                found != [expectation.id]
            {
                missed += 1
                continue
            }
            // The nearest document to a dropped vector is another document, or the same one with
            // another vector.
            let isRight =
                expectation.isThere
                ? found == [expectation.id]
                : expectation.query.isOfText ? found.isEmpty : !isSelfHit(result.hits.first)
            guard isRight else {
                throw Finding(
                    .disagreement,
                    "\(expectation.id) \(expectation.isThere ? "is not" : "is still") found by its "
                        + "\(expectation.how); found: \(found)."
                )
            }
        }
        guard missed <= 1 + ids.count / Self.missable else {
            throw Finding(
                .disagreement,
                "The index misses \(missed) of \(ids.count) documents."
            )
        }
    }

    /// Whether a hit has exactly the vector of the query.
    private func isSelfHit(_ hit: Hit?) -> Bool {
        hit.map { $0.score > 0.999_999 } ?? false
    }

    private func checkWalks(_ ids: [String], _ sources: [String: Set<String>]) async throws {
        var walks: [(walk: Walk, expected: Set<String>)] = []
        for id in ids {
            let targets = Set(model.documents[id]?.edges.keys.map(\.target) ?? [])
                .filter { $0 != id && model.documents[$0] != nil }
            let start = [try DocumentID(id)]
            walks.append((Walk(from: start), targets))
            let incoming = model.documents[id] == nil ? [] : sources[id] ?? []
            walks.append((Walk(from: start, direction: .incoming), incoming))
        }
        let results = try await store.results(of: walks.map(\.walk))
        for ((walk, expected), result) in zip(walks, results) {
            let reached = Set(result.reached.map(\.id.string))
            guard reached == expected, result.endedBy == nil else {
                throw Finding(
                    .disagreement,
                    "A walk from \(walk.from), \(walk.direction), reaches \(reached.sorted()) "
                        + "instead of \(expected.sorted())."
                )
            }
        }
    }

    /// The other documents with an edge to a document, by that document.
    private func incomingEdges() -> [String: Set<String>] {
        var sources: [String: Set<String>] = [:]
        for (id, document) in model.documents {
            for name in document.edges.keys where name.target != id {
                sources[name.target, default: []].insert(id)
            }
        }
        return sources
    }
}

extension Query {
    /// Whether the query has words, without which it finds no document.
    fileprivate var isOfText: Bool {
        if case .text = sources.first?.kind { true } else { false }
    }
}
