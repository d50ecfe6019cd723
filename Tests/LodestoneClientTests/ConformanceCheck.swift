// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import Testing

/// Compares what came back with what a case expects: only what the case names.
struct ConformanceCheck {
    /// Which step, for the reader of a failure.
    let step: String
    /// Before the names of the case's collections.
    let prefix: String

    func isTrue(_ condition: Bool, _ what: String) {
        #expect(condition, "\(step): \(what)")
    }

    private func equal<T: Equatable>(_ actual: T, _ expected: T, _ what: String) {
        #expect(actual == expected, "\(step): \(what)")
    }

    private func near(_ actual: Double, _ expected: JSON, _ what: String) {
        guard let number = expected.number else {
            Issue.record("\(step): \(what) expects no number")
            return
        }
        #expect(abs(actual - number) <= 1e-5 * max(1, abs(number)), "\(step): \(what)")
    }

    /// Whether the reply has a list where one was expected, of the same length.
    private func pairs<T>(_ actual: [T], _ expected: JSON?, _ what: String) -> [(T, JSON)] {
        guard let expected = expected?.array else {
            Issue.record("\(step): the reply has \(what): \(actual)")
            return []
        }
        #expect(actual.count == expected.count, "\(step): \(what): \(actual)")
        return Array(zip(actual, expected))
    }

    func error(_ error: LodestoneError, _ expected: JSON?) {
        guard case .object(let fields) = expected else {
            Issue.record("\(step): \(error)")
            return
        }
        let outcomes: [LodestoneError.Outcome: String] = [
            .notApplied: "NOT_APPLIED", .applied: "APPLIED", .unknown: "UNKNOWN",
        ]
        let found: [String: String?] = [
            "code": error.code.name, "reason": error.reason.rawValue, "field": error.field,
            "object": error.object, "outcome": outcomes[error.outcome],
        ]
        for (name, value) in fields {
            equal(found[name] ?? nil, value.string, "\(name) of \(error)")
        }
        isTrue(!error.message.isEmpty && !error.recovery.isEmpty, "the error says what to do")
    }

    func receipt(_ receipt: WriteReceipt, _ expected: JSON?) {
        isTrue(expected != nil, "a receipt")
        if let inserted = expected?["inserted"] {
            equal(receipt.inserted, inserted.int, "inserted")
        }
        if let replaced = expected?["replaced"] {
            equal(receipt.replaced, replaced.int, "replaced")
        }
        if let dropped = expected?["dropped"] { equal(receipt.dropped, dropped.int, "dropped") }
        if let repeated = expected?["repeated"] {
            equal(receipt.isRepeated, repeated.bool, "repeated")
        }
        isTrue(receipt.sequenceNumber > 0, "a sequence number")
    }

    private func equal(_ actual: Int, _ expected: Int?, _ what: String) {
        equal(Optional(actual), expected, what)
    }

    private func equal(_ actual: Bool, _ expected: Bool?, _ what: String) {
        equal(Optional(actual), expected, what)
    }

    func count(_ response: CountResponse, _ expected: JSON?) {
        isTrue(expected != nil, "a count")
        if let count = expected?["count"] { equal(response.count, count.int, "count") }
        if let filter = expected?["filter"] { self.filter(response.filter, filter) }
        if let facets = expected?["facets"] { self.facets(response.facets, facets) }
    }

    private func facets(_ facets: [Facet], _ expected: JSON) {
        for (facet, wanted) in pairs(facets, expected, "facets") {
            equal(facet.distinctValues, wanted["distinct_values"]?.int, "distinct_values")
            for (count, pair) in pairs(facet.values, wanted["values"], "values") {
                equal(Optional(count.value), try? pair.array?.first?.value, "value")
                equal(count.count, pair.array?.last?.int, "count of a value")
            }
        }
    }

    private func filter(_ explanation: FilterExplanation?, _ expected: JSON) {
        equal(explanation?.strategy, expected["strategy"]?.string, "filter.strategy")
        if let matched = expected["matched_documents"] {
            equal(explanation?.matchedDocuments, matched.int, "filter.matched_documents")
        }
        if let read = expected["read_documents"] {
            equal(explanation?.readDocuments, read.int, "filter.read_documents")
        }
    }

    func collections(_ collections: [CollectionDescription], _ expected: JSON?) {
        let names = collections.map(\.name).filter { $0.hasPrefix(prefix) }
            .map { String($0.dropFirst(prefix.count)) }
        equal(names.sorted(), (expected?.array ?? []).compactMap(\.string).sorted(), "names")
    }

    func collection(_ collection: CollectionDescription, _ expected: JSON?) {
        guard case .object(let fields) = expected else {
            Issue.record("\(step): the reply has \(collection)")
            return
        }
        let metrics: [Metric: String] = [
            .cosine: "cosine", .euclidean: "euclidean", .dotProduct: "dot_product",
        ]
        for (name, value) in fields {
            switch name {
            case "dimension": equal(collection.options.dimension, value.int, name)
            case "metric": equal(metrics[collection.options.metric], value.string, name)
            case "documents": equal(collection.documents, value.int, name)
            case "vectors": equal(collection.vectors, value.int, name)
            case "edges": equal(collection.edges, value.int, name)
            case "vector_strategy":
                let expected = try? JSON.object(fields).vectorStrategy
                equal(collection.options.vectorStrategy, expected, name)
                equal(collection.index.strategy, expected, "index.strategy")
            case "index": index(collection.index, value)
            case "metadata_indexes":
                equal(collection.options.metadataIndexes.map(\.path), value.paths, name)
            case "building_indexes":
                equal(collection.buildingIndexes.map(\.path), value.paths, name)
            default: Issue.record("\(step): the case expects \(name)")
            }
        }
    }

    private func index(_ index: IndexStatus, _ expected: JSON) {
        guard case .object(let fields) = expected else { return }
        for (name, value) in fields {
            switch name {
            case "state": equal(index.state.name, value.string, name)
            case "indexed_vectors": equal(index.indexedVectors, value.int, name)
            case "scanned_vectors": equal(index.scannedVectors, value.int, name)
            case "unreachable_nodes": equal(index.unreachableNodes, value.int, name)
            default: Issue.record("\(step): the case expects \(name)")
            }
        }
    }

    private func explanation(_ explanation: VectorExplanation, _ expected: JSON, _ what: String) {
        equal(explanation.source, expected["source"]?.int, "\(what) source")
        equal(explanation.strategy, expected["strategy"]?.string, "\(what) strategy")
        equal(explanation.visitedNodes, expected["visited_nodes"]?.int, "\(what) nodes")
        equal(explanation.scannedRows, expected["scanned_rows"]?.int, "\(what) rows")
        equal(
            explanation.computedDistances,
            expected["computed_distances"]?.int,
            "\(what) distances"
        )
    }

    private func textExplanation(
        _ explanation: TextExplanation,
        _ expected: JSON,
        _ what: String
    ) {
        equal(explanation.source, expected["source"]?.int, "\(what) source")
        for (word, json) in pairs(explanation.words, expected["words"], what) {
            equal(word.word, json["word"]?.string ?? "", "\(what) word")
            equal(word.documents, json["documents"]?.int, "\(what) documents")
            equal(word.expansionCount, json["expansion_count"]?.int, "\(what) count")
            for (one, json) in pairs(word.expansions, json["expansions"], what) {
                equal(one.word, json["word"]?.string ?? "", "\(what) expansion")
                equal(one.distance, json["distance"]?.int, "\(what) distance")
                equal(one.documents, json["documents"]?.int, "\(what) documents")
            }
        }
    }

    private func highlights(_ fields: [HighlightedField], _ expected: JSON, _ what: String) {
        guard case .object(let wanted) = expected else { return }
        equal(fields.map(\.field).sorted(), wanted.keys.sorted(), what)
        for field in fields {
            for (one, json) in pairs(field.fragments, wanted[field.field], what) {
                equal(one.text, json["text"]?.string ?? "", what)
                let matches = json["matches"]?.array?.map { $0.array?.compactMap(\.int) ?? [] }
                equal(one.matches.map { [$0.lowerBound, $0.upperBound] }, matches ?? [], what)
            }
        }
    }

    func documents(_ documents: [Document], _ expected: JSON?) {
        for (document, json) in pairs(documents, expected, "documents") {
            self.document(document, json)
        }
    }

    func page(_ page: ScanResponse, _ expected: JSON?) {
        documents(page.documents, expected?["documents"])
        equal(page.nextCursor != nil, expected?["more"]?.bool, "more")
        equal(page.edgesCursor != nil, expected?["lacks_edges"]?.bool ?? false, "lacks_edges")
    }

    func edges(_ page: ListEdgesResponse, _ expected: JSON?) {
        equal(page.nextCursor != nil, expected?["more"]?.bool, "more")
        if let count = expected?["count"] { equal(page.edges.count, count.int, "count") }
        guard var wanted = expected?["edges"]?.array else { return }
        var edges = page.edges
        if expected?["any_order"]?.bool ?? false {
            edges.sort { ($0.label, $0.id.string) < ($1.label, $1.id.string) }
            wanted.sort {
                ($0["label"]?.string ?? "", $0["id"]?.string ?? "")
                    < ($1["label"]?.string ?? "", $1["id"]?.string ?? "")
            }
        }
        for (edge, json) in pairs(edges, .array(wanted), "edges") {
            equal(edge.label, json["label"]?.string ?? "", "label")
            equal(edge.id.string, json["id"]?.string ?? "", "id of \(edge.label)")
            if let weight = json["weight"] { near(Double(edge.weight), weight, "weight") }
            if let metadata = try? json["metadata"]?.metadata {
                equal(edge.metadata, metadata, "metadata of \(edge.label) \(edge.id)")
            }
        }
    }

    private func document(_ document: Document, _ expected: JSON) {
        let id = document.id.string
        equal(id, expected["id"]?.string ?? "", "id")
        if let vector = expected["vector"] {
            equal(document.vector == nil, vector == .null, "vector of \(id)")
            for (element, json) in pairs(
                document.vector ?? [],
                vector.array.map { .array($0) } ?? .array([]),
                "vector of \(id)"
            ) {
                near(Double(element), json, "vector of \(id)")
            }
        }
        if let members = try? expected["text"]?.members {
            // As metadata, whose names are told apart by their bytes.
            let found = document.text.map { ($0.name, Value.string($0.text)) }
            let wanted = members.map { ($0.name, Value.string($0.inner.string ?? "")) }
            equal(
                Metadata(found) { first, _ in first },
                Metadata(wanted) { first, _ in first },
                "text of \(id)"
            )
        }
        if let metadata = expected["metadata"] {
            equal(
                document.metadata,
                (try? metadata.metadata) ?? ["malformed": true],
                "metadata of \(id)"
            )
        }
        guard let edges = expected["edges"] else { return }
        for (edge, json) in pairs(document.edges, edges, "edges of \(id)") {
            equal(edge.label, json["label"]?.string ?? "", "label of \(id)")
            equal(edge.target.string, json["target"]?.string ?? "", "target of \(id)")
            if let weight = json["weight"] { near(Double(edge.weight), weight, "weight of \(id)") }
            if let metadata = try? json["metadata"]?.metadata {
                equal(edge.metadata, metadata, "edge metadata of \(id)")
            }
        }
    }

    func results(_ results: [QueryResult], _ expected: JSON?) {
        for (position, (result, json)) in pairs(results, expected, "results").enumerated() {
            let what = "results[\(position)]"
            let ids = result.hits.map(\.id.string)
            if let wanted = json["any_order"]?.array {
                equal(ids.sorted(), wanted.compactMap(\.string).sorted(), what)
            }
            if let hits = json["hits"] {
                for (hit, json) in pairs(result.hits, hits, what) { self.hit(hit, json, what) }
            }
            if json["falling"]?.bool ?? false {
                let falls = zip(result.hits, result.hits.dropFirst()).allSatisfy {
                    $0.score > $1.score
                }
                isTrue(falls, "\(what) falls: \(result.hits)")
            }
            if let explanations = json["explanations"] {
                for (one, json) in pairs(result.explanations, explanations, what) {
                    explanation(one, json, "\(what) explanation")
                }
            }
            if let filter = json["filter"] { self.filter(result.filter, filter) }
            if let facets = json["facets"] { self.facets(result.facets, facets) }
            if let explanations = json["text_explanations"] {
                for (one, json) in pairs(result.textExplanations, explanations, what) {
                    textExplanation(one, json, "\(what) text explanation")
                }
            }
            if let highlights = json["highlights"] {
                for (hit, json) in pairs(result.hits, highlights, what) {
                    self.highlights(hit.highlights, json, "\(what) highlights of \(hit.id)")
                }
            }
            if let partial = json["partial"] { equal(result.isPartial, partial.bool, what) }
        }
    }

    private func hit(_ hit: Hit, _ expected: JSON, _ what: String) {
        equal(hit.id.string, expected["id"]?.string ?? "", "\(what) id")
        if let score = expected["score"] { near(hit.score, score, "\(what) score of \(hit.id)") }
        if let wanted = expected["document"] {
            equal(hit.document == nil, wanted == .null, "\(what) document of \(hit.id)")
            if let document = hit.document, wanted != .null { self.document(document, wanted) }
        }
        guard let scores = expected["source_scores"] else { return }
        for (said, json) in pairs(hit.sourceScores, scores, "\(what) source scores") {
            equal(said.source, json["source"]?.int, "\(what) source")
            equal(said.rank, json["rank"]?.int, "\(what) rank")
            if let score = json["score"] { near(said.score, score, "\(what) source score") }
        }
    }

    func walks(_ walks: [WalkResult], _ expected: JSON?) {
        let limits: [WalkResult.Limit: String] = [.nodes: "nodes", .edges: "edges", .time: "time"]
        for (position, (walk, json)) in pairs(walks, expected, "walks").enumerated() {
            let what = "walks[\(position)]"
            if let wanted = json["reached"]?.array {
                let depths = walk.reached.map(\.depth)
                equal(depths, depths.sorted(), "\(what) depths")
                let reached = walk.reached.sorted { ($0.depth, $0.id) < ($1.depth, $1.id) }
                let sorted = wanted.sorted {
                    ($0["depth"]?.int ?? 0, $0["id"]?.string ?? "")
                        < ($1["depth"]?.int ?? 0, $1["id"]?.string ?? "")
                }
                for (one, json) in pairs(reached, .array(sorted), what) {
                    self.reached(one, json, what)
                }
            }
            if let count = json["count"] { equal(walk.reached.count, count.int, "\(what) count") }
            if let limit = json["ended_by"] {
                equal(walk.endedBy.flatMap { limits[$0] }, limit.string, "\(what) ended by")
            }
            if let followed = json["edges_followed"] {
                equal(walk.edgesFollowed, followed.int, "\(what) edges followed")
            }
        }
    }

    private func reached(_ reached: Reached, _ expected: JSON, _ what: String) {
        equal(reached.id.string, expected["id"]?.string ?? "", "\(what) id")
        equal(reached.depth, expected["depth"]?.int, "\(what) depth of \(reached.id)")
        if let from = expected["from"]?.string {
            equal(reached.from.string, from, "\(what) from of \(reached.id)")
        }
        if let label = expected["label"]?.string {
            equal(reached.label, label, "\(what) label of \(reached.id)")
        }
        if let weight = expected["weight"] {
            near(Double(reached.weight), weight, "\(what) weight of \(reached.id)")
        }
        if let incoming = expected["incoming"] {
            equal(reached.isIncoming, incoming.bool, "\(what) direction of \(reached.id)")
        }
    }
}
