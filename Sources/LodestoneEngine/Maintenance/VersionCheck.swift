// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStorage
import LodestoneStructures

/// Compares the derived indexes of a version with the rows of the store.
struct VersionCheck {
    /// The origin of the version.
    enum Source {
        /// The version that searches read.
        case memory
        /// A base with the log after it, opened for the check.
        case base(path: String)
    }

    private let source: Source
    private let view: ReadView
    private var checks: [(kind: String, check: any IndexCheck)]
    private var damages: [Damage] = []
    private var documentCount = 0
    /// The rows that were added.
    private var rows: RowSet

    init(_ view: ReadView, from source: Source) {
        self.view = view
        self.source = source
        checks = view.version.checks()
        rows = RowSet(count: Int(view.version.ids.nextRow))
    }

    /// Adds a row as it is stored.
    ///
    /// - Throws: The errors of reading the edges of a hub.
    mutating func add(_ stored: StoredRow) throws(LodestoneError) {
        documentCount += 1
        rows.insert(stored.row)
        var edges: [Adjacency?] = []
        // A hub has each edge once.
        try view.rows?.forEachEdges(of: stored, in: view.collection.number) { some in
            edges += numbered(some)
        }
        let row = CheckedRow(stored: stored, edges: edges)
        var isOther = false
        for index in checks.indices {
            guard let found = checks[index].check.difference(from: row), !isOther else { continue }
            // For a row of another document, all further differences follow from that.
            isOther = index == 0
            if damages.count < VerifyReport.maxListed {
                note(found.object, checks[index].kind, found.text)
            }
        }
    }

    /// Reports the damages; call it after the last row.
    ///
    /// Counts are compared only if every row could be read.
    mutating func finish(_ report: inout VerifyReport, countsRows: Bool) {
        if countsRows { noteMissingRows() }
        for (kind, check) in checks {
            for text in check.differences(documentCount: countsRows ? documentCount : nil) {
                note(view.collection.name, kind, text)
            }
        }
        // The base is damaged; another check reports that.
        if view.version.isDamaged { return }
        for damage in damages { report.note(damage) }
    }

    /// The edges of a row as vertex ids and label ids; `nil` for an edge with an unknown label or
    /// target.
    private func numbered(_ edges: [Edge]) -> [Adjacency?] {
        if edges.isEmpty { return [] }
        let vertices = view.version.ids.table.withTable { table in
            edges.map { table.vertex(of: $0.target) }
        }
        let labels = view.version.graph.labels.withTable { table in
            edges.map { table.id(of: $0.label) }
        }
        var numbered: [Adjacency?] = []
        // If edges have the same label and target, the last one counts.
        var positions: [UInt64: Int] = [:]
        for (index, edge) in edges.enumerated() {
            guard let vertex = vertices[index], let label = labels[index] else {
                numbered.append(nil)
                continue
            }
            let key = UInt64(label) << 32 | UInt64(vertex)
            let adjacency = Adjacency(label: label, vertex: vertex, weight: edge.weight)
            if let position = positions[key] {
                numbered[position] = adjacency
            } else {
                positions[key] = numbered.count
                numbered.append(adjacency)
            }
        }
        return numbered
    }

    /// Reports the documents that a base has and the rows lack.
    ///
    /// The log shows only the loss of later rows.
    private mutating func noteMissingRows() {
        let ids = view.version.ids
        guard case .base = source, ids.documentCount > documentCount else { return }
        for row in RowID.first..<ids.nextRow where ids.contains(row) && !rows.contains(row) {
            damages.append(
                Damage(
                    kind: "row",
                    collection: view.collection.name,
                    object: ids.id(of: row)?.string ?? "row \(row)",
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
