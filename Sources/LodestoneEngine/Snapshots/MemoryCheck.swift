// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStorage
import LodestoneText

/// Compares a collection in memory with its rows: ids, rows, links and words.
struct MemoryCheck {
    private let view: ReadView
    private var damages: [Damage] = []
    private var documents = 0
    private var edges = 0
    /// What the text index has of each row; `nil` where the store keeps the words.
    private let words: ContiguousArray<UInt64>?

    init(_ view: ReadView) {
        self.view = view
        words = view.state.text?.fingerprints()
    }

    /// Takes in a row as it is stored.
    mutating func take(_ row: StoredRow) {
        documents += 1
        let links = expectedLinks(row)
        edges += links.count
        guard damages.count < VerifyReport.maxListed else { return }
        guard view.id(of: row.row) == row.id, view.row(of: row.id) == row.row else {
            note("row \(row.row)", "memory", "Memory has another document for this row.")
            return
        }
        let present = view.state.node(of: row.row).map { view.state.graph.links(from: $0) } ?? []
        if present.count != links.count || !zip(present, links).allSatisfy(Self.isSame) {
            note(row.id.string, "edges", "The graph has other edges for this document.")
        }
        if let words, let texts = view.state.analyze([EncodedRow.indexedText(of: row.text)]) {
            let place = Int(row.row)
            let present = place < words.count ? words[place] : 0
            if present != TextIndex.fingerprint(of: texts, at: 0) {
                note(row.id.string, "words", "The index has other words for this document.")
            }
        }
    }

    /// Notes what was found, once every row has been taken in; counts are compared only when every
    /// row could be read.
    mutating func finish(_ report: inout VerifyReport, countsRows: Bool) {
        let state = view.state
        if countsRows, state.documentCount != documents {
            note(
                view.collection.record.name,
                "memory",
                "Memory counts \(state.documentCount) documents; there are \(documents) rows."
            )
        }
        if countsRows, state.graph.edgeCount != edges {
            note(
                view.collection.record.name,
                "edges",
                "The graph has \(state.graph.edgeCount) edges; the rows have \(edges)."
            )
        }
        for damage in damages { report.note(damage) }
    }

    /// The links that the row's edges are; `nil` for an edge whose label or target memory does not
    /// know.
    private func expectedLinks(_ row: StoredRow) -> [Link?] {
        if row.edges.isEmpty { return [] }
        let nodes = view.contents.ids.withTable { table in
            row.edges.map { table.number(of: $0.target) }
        }
        let labels = view.contents.labels.withTable { table in
            row.edges.map { table.number(of: Label(string: $0.label)) }
        }
        var links: [Link?] = []
        // Of edges with the same label and target the last one counts.
        var places: [UInt64: Int] = [:]
        for (index, edge) in row.edges.enumerated() {
            guard let node = nodes[index], let label = labels[index] else {
                links.append(nil)
                continue
            }
            let key = UInt64(label) << 32 | UInt64(node)
            let link = Link(label: label, node: node, weight: edge.weight)
            if let place = places[key] {
                links[place] = link
            } else {
                places[key] = links.count
                links.append(link)
            }
        }
        return links
    }

    private static func isSame(_ pair: (Link, Link?)) -> Bool { pair.0 == pair.1 }

    private mutating func note(_ object: String, _ kind: String, _ message: String) {
        damages.append(
            Damage(
                kind: kind,
                collection: view.collection.record.name,
                object: object,
                message: message,
                recovery: "Restart the server: what is in memory is made from the rows."
            )
        )
    }
}
