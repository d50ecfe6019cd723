// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// Compares the contents of a collection with its rows: ids, rows, counts, links and words.
struct ContentsCheck {
    /// The origin of the contents.
    enum Source {
        /// The contents that searches read.
        case memory
        /// A base with the log after it, opened for the check.
        case base(path: String)
    }

    private let source: Source
    private let view: ReadView
    private var damages: [Damage] = []
    private var documents = 0
    private var vectors = 0
    private var edges = 0
    /// The rows that were added.
    private var rows: RowSet
    /// The rows that exist according to the filter indexes.
    private let existing: RowSet
    /// The comparison of the text index; `nil` where the store compares the words.
    private let words: PostingsCheck?
    /// A sum of each row's values in the field indexes.
    private let values: ContiguousArray<UInt64>

    init(_ view: ReadView, from source: Source) {
        self.view = view
        self.source = source
        rows = RowSet(count: Int(view.state.nextRow))
        words = view.state.text.check()
        values = view.state.values.fingerprints(count: Int(view.state.nextRow))
        existing = view.state.values.liveRows(count: Int(view.state.nextRow))
    }

    /// Adds a row as it is stored.
    ///
    /// - Throws: The errors of reading the edges of a hub.
    mutating func take(_ row: StoredRow) throws(LodestoneError) {
        documents += 1
        rows.insert(row.row)
        if view.state.hasVector(row.row) { vectors += 1 }
        var links: [Adjacency?] = []
        // A hub has no edge twice.
        try view.rows?.forEachEdges(of: row, in: view.collection.number) { edges in
            links += expectedLinks(edges)
        }
        edges += links.count
        guard damages.count < VerifyReport.maxListed else { return }
        guard view.id(of: row.row) == row.id, view.row(of: row.id) == row.row else {
            note("row \(row.row)", "memory", "has another document for row \(row.row).")
            return
        }
        let present = view.state.node(of: row.row).map { view.state.graph.links(from: $0) } ?? []
        // The links of a document with many are in another order, so both lists are sorted.
        let known = links.compactMap { $0 }
        if known.count < links.count
            || present.sorted(by: Adjacency.precedes) != known.sorted(by: Adjacency.precedes)
        {
            note(row.id.string, "edges", "has other edges for document '\(row.id)'.")
        }
        for difference in words?.differences(of: row.row, from: row.text) ?? [] {
            switch difference {
            case .unknownWords:
                note(row.id.string, "words", "doesn't know all words of document '\(row.id)'.")
            case .otherWords:
                note(row.id.string, "words", "has other words for document '\(row.id)'.")
            }
        }
        let place = Int(row.row)
        let stored = place < values.count ? values[place] : 0
        let expected = view.state.values.fingerprint(of: row.metadata, row: row.row)
        if stored != expected || !existing.contains(row.row) {
            note(row.id.string, "values", "has other values for document '\(row.id)'.")
        }
    }

    /// Notes the damages, after all rows were added; counts are compared only if every row could be
    /// read.
    mutating func finish(_ report: inout VerifyReport, countsRows: Bool) {
        let state = view.state
        let name = view.collection.name
        if countsRows { noteMissingRows() }
        if countsRows, state.documentCount != documents {
            note(
                name,
                "memory",
                "counts \(state.documentCount) documents; there are \(documents) rows."
            )
        }
        if countsRows, existing.count != documents {
            note(name, "values", "has values of \(existing.count) documents.")
        }
        if countsRows, state.vectorCount != vectors {
            note(name, "memory", "counts \(state.vectorCount) vectors; \(vectors) rows have one.")
        }
        if countsRows, state.graph.edgeCount != edges {
            note(
                name,
                "edges",
                "counts \(state.graph.edgeCount) edges; the rows have \(edges)."
            )
        }
        if words?.hasSoundVocabulary == false {
            note(name, "words", "has words that don't lead to their stems.")
        }
        if !state.graph.isFoundFromBothEnds {
            note(name, "edges", "has edges that are not found from both of their ends.")
        }
        // The base was read and is damaged, which is reported as damage of its own.
        if view.contents.isDamaged { return }
        for damage in damages { report.note(damage) }
    }

    /// The links that the edges of a row should be; `nil` for an edge with an unknown label or
    /// target.
    private func expectedLinks(_ edges: [Edge]) -> [Adjacency?] {
        if edges.isEmpty { return [] }
        let nodes = view.contents.ids.withTable { table in
            edges.map { table.number(of: $0.target) }
        }
        let labels = view.contents.labels.withTable { table in
            edges.map { table.number(of: $0.label) }
        }
        var links: [Adjacency?] = []
        // Of edges with the same label and target the last one counts.
        var places: [UInt64: Int] = [:]
        for (index, edge) in edges.enumerated() {
            guard let node = nodes[index], let label = labels[index] else {
                links.append(nil)
                continue
            }
            let key = UInt64(label) << 32 | UInt64(node)
            let link = Adjacency(label: label, node: node, weight: edge.weight)
            if let place = places[key] {
                links[place] = link
            } else {
                places[key] = links.count
                links.append(link)
            }
        }
        return links
    }

    /// Notes the documents that a base has and the rows don't; the log tells only about later ones.
    private mutating func noteMissingRows() {
        guard case .base = source, view.state.documentCount > documents else { return }
        for row in 0..<view.state.nextRow where view.state.contains(row) && !rows.contains(row) {
            damages.append(
                Damage(
                    kind: "row",
                    collection: view.collection.name,
                    object: view.id(of: row)?.string ?? "row \(row)",
                    message: "Row \(row) is missing; the base has it.",
                    recovery: "Stop writing, keep a copy of the directory, restore a snapshot."
                )
            )
            if damages.count >= VerifyReport.maxListed { return }
        }
    }

    private mutating func note(_ object: String, _ kind: String, _ what: String) {
        let isBase: Bool
        let message: String
        switch source {
        case .memory: (isBase, message) = (false, "Memory \(what)")
        case .base(let path): (isBase, message) = (true, "The base \(path) \(what)")
        }
        damages.append(
            Damage(
                kind: isBase ? "base" : kind,
                collection: view.collection.name,
                object: object,
                message: message,
                recovery: "Nothing is lost: it is made again from the rows."
            )
        )
    }
}
