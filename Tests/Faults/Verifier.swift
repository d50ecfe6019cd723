// SPDX-License-Identifier: Apache-2.0
import LodestoneClient

/// Compares a store with the replies that its writers received.
struct Verifier {
    let store: any QueriedStore
    let content: Content

    /// Finds the outcome of the batches that were open at the kill, and checks every document.
    ///
    /// With `everything` it looks for every document in every way. Otherwise it looks for the
    /// documents touched since the last time and some others.
    ///
    /// - Returns: For each writer whether its open batch was applied; `nil` when it had none.
    /// - Throws: The first finding.
    func verify(_ writers: inout [Writer], everything: Bool) async throws -> [Bool?] {
        let sequenceNumber = try await store.sequenceNumber()
        let acknowledged = writers.map(\.lastSequenceNumber).max() ?? 0
        guard sequenceNumber >= acknowledged else {
            throw Finding(
                .lost,
                "The store is at sequence number \(sequenceNumber), after \(acknowledged) was "
                    + "acknowledged."
            )
        }
        let stored = try await scan()
        var fates: [Bool?] = []
        for index in writers.indices {
            fates.append(try settle(&writers[index], stored))
        }
        try checkStrangers(writers, stored)
        try await checkCounts(writers)
        try await checkValues(stored)
        for index in writers.indices {
            try await Probe(store: store, content: content, model: writers[index].model)
                .check(everything ? nil : writers[index].touched)
            writers[index].touched = []
        }
        return fates
    }

    private func scan() async throws -> [String: Document] {
        var stored: [String: Document] = [:]
        var cursor: ScanCursor?
        repeat {
            let page = try await store.page(after: cursor)
            for document in page.documents {
                guard stored.updateValue(document, forKey: document.id.string) == nil else {
                    throw Finding(.disagreement, "\(document.id) is there twice.")
                }
            }
            cursor = page.nextCursor
        } while cursor != nil
        return stored
    }

    /// Compares the rows of a writer with its model, with and without its open batch.
    ///
    /// - Returns: Whether the open batch was applied; `nil` when none was open.
    private func settle(_ writer: inout Writer, _ stored: [String: Document]) throws -> Bool? {
        let before = try differences(writer.model, stored)
        guard let open = writer.open else {
            guard before.isEmpty else { throw report(.lost, writer, before) }
            return nil
        }
        if before.isEmpty {
            return false
        }
        var after = writer.model
        let touched = after.apply(open.batch)
        let remaining = try differences(after, stored)
        guard remaining.isEmpty else {
            let isOpen = before.allSatisfy { touched.contains($0.id) }
            throw report(
                isOpen ? .partial : .lost,
                writer,
                before.count < remaining.count ? before : remaining
            )
        }
        guard open.error.outcome != .notApplied else {
            throw Finding(
                .lie,
                "\(writer.model.name), \(open.batch.summary) was applied, and its error said not: "
                    + "\(open.error)"
            )
        }
        writer.model = after
        writer.touched.formUnion(touched)
        return true
    }

    private typealias Difference = (id: String, text: String)

    private func differences(_ model: WriterModel, _ stored: [String: Document]) throws
        -> [Difference]
    {
        let prefix = model.name + "-"
        var ids = Set(model.documents.keys)
        ids.formUnion(stored.keys.filter { $0.hasPrefix(prefix) })
        var differences: [Difference] = []
        for id in ids.sorted() {
            let expected = try model.documents[id].map { try content.document(id, $0) }
            if let text = difference(expected, stored[id]) {
                let batch = model.documents[id].map { " (batch \($0.batch))" } ?? ""
                differences.append((id, "\(id)\(batch) \(text)"))
            }
        }
        return differences
    }

    private func report(_ kind: Finding.Kind, _ writer: Writer, _ differences: [Difference])
        -> Finding
    {
        let shown = differences.prefix(5).map { "\n  \($0.text)" }.joined()
        let open = writer.open.map { "; open at the kill: \($0.batch.summary)" } ?? ""
        return Finding(
            kind,
            "\(differences.count) documents of \(writer.model.name) differ\(open)\(shown)"
        )
    }

    private func checkStrangers(_ writers: [Writer], _ stored: [String: Document]) throws {
        let count = writers.map(\.model.documents.count).reduce(0, +)
        guard stored.count == count else {
            throw Finding(.disagreement, "There are \(stored.count) documents instead of \(count).")
        }
    }

    private func checkCounts(_ writers: [Writer]) async throws {
        let documents = writers.flatMap(\.model.documents.values)
        let edges = documents.map(\.edges.count).reduce(0, +)
        let description = try await store.description()
        guard description.documents == documents.count, description.vectors == documents.count,
            description.edges == edges
        else {
            throw Finding(
                .disagreement,
                "The collection says \(description.documents) documents, \(description.vectors) "
                    + "vectors and \(description.edges) edges instead of \(documents.count), "
                    + "\(documents.count) and \(edges)."
            )
        }
    }
}

/// Checks of whole indexes.
extension Verifier {
    /// Compares the field indexes with the documents, which are known to be right by then.
    private func checkValues(_ stored: [String: Document]) async throws {
        func version(_ document: Document) -> Int64 {
            if case .int(let version)? = document.metadata["version"] { version } else { 0 }
        }
        let documents = stored.values
        let middle = documents.map(version).max().map { $0 / 2 } ?? 0
        let late = Filter.range(path: ["version"], lower: .init(.int(middle)), upper: nil)
        let even = Filter.equal(path: ["even"], .bool(true))
        let facet = FacetRequest(path: ["words"], limit: 1_000)
        let answer = try await store.count(.or([late, .not(even)]), facets: [facet])
        var words: [Value: Int] = [:]
        var count = 0
        for document in documents {
            guard version(document) >= middle || document.metadata["even"] != .bool(true) else {
                continue
            }
            count += 1
            guard case .list(let some) = document.metadata["words"] else { continue }
            for word in Set(some) { words[word, default: 0] += 1 }
        }
        let counted = answer.facets.first?.values.map { ($0.value, $0.count) } ?? []
        guard answer.count == count, Dictionary(counted, uniquingKeysWith: +) == words else {
            throw Finding(
                .disagreement,
                "\(answer.count) documents are late or odd instead of \(count), with the words "
                    + "\(counted) instead of \(words)."
            )
        }
    }
}

/// The first fault of a document, if there is one.
func difference(_ expected: Document?, _ stored: Document?) -> String? {
    guard let expected else { return stored == nil ? nil : "is there, but was dropped" }
    guard var stored else { return "is not there" }
    stored.edges.sort { ($0.label, $0.target) < ($1.label, $1.target) }
    if stored == expected { return nil }
    var parts: [String] = []
    if stored.vector != expected.vector { parts.append("vector") }
    if stored.text != expected.text { parts.append("text") }
    if stored.metadata != expected.metadata { parts.append("metadata") }
    if stored.edges != expected.edges { parts.append("edges") }
    let version = stored.metadata["version"].map { "\($0)" } ?? "none"
    return "has another \(parts.joined(separator: ", ")); it is version \(version)"
}
