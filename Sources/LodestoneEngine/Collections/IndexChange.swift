// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneGraph
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// The effect of one batch on a collection, in the internal numbers of the contents that apply it.
struct IndexChange: Sendable {
    /// Rows that the batch removed.
    var removed: [RowID] = []
    /// The texts of these rows.
    var removedTexts: AnalyzedTexts?
    /// Nodes that lose every link that leaves or enters them.
    var unlinked: [VertexID] = []
    /// The vectors of the new rows.
    var vectors: VectorRun?
    /// The number of the first new row; the other new rows follow it.
    var firstRow: RowID = 0
    /// The document of each new row.
    var nodes: ContiguousArray<VertexID> = []
    /// The links that leave each of these documents.
    var links = EdgeBatch()
    /// The texts of these documents.
    var texts: AnalyzedTexts?
    /// The values of their indexed fields, with row numbers relative to the first new row.
    var values: FieldEntries?
    /// The links that documents of other rows lose; their weights are unused.
    var delinked = LinkChanges()
    /// The links that documents of other rows gain, or whose weight changes.
    var linked = LinkChanges()
    /// The bytes of the batch's documents.
    var documentByteCount = 0
    var sequenceNumber: UInt64 = 0

    /// An estimate of the change's bytes in memory.
    var byteCount: Int {
        (texts?.byteCount ?? 0) + (values?.byteCount ?? 0) + (removedTexts?.byteCount ?? 0)
            + (links.links.count + delinked.links.links.count + linked.links.links.count)
            * MemoryLayout<Adjacency>.stride
            + (removed.count + nodes.count * 2) * 8
    }
}

/// Links that some documents gain or lose, while their other links stay.
struct LinkChanges: Sendable {
    private(set) var sources: [VertexID] = []
    /// The links of each source.
    private(set) var links = EdgeBatch()

    init() {}

    init(sources: [VertexID], links: EdgeBatch) {
        self.sources = sources
        self.links = links
    }

    mutating func append(_ source: VertexID, _ links: [Adjacency]) {
        sources.append(source)
        self.links.append(links)
    }

    /// Renumbers the nodes at both ends of all links.
    mutating func renumber(_ number: (VertexID) -> VertexID) {
        sources = sources.map(number)
        links.renumber(number)
    }
}

/// The links of several documents, one list after the other.
struct EdgeBatch: Sendable {
    private(set) var links: [Adjacency] = []
    private var ends: [Int] = []

    init() {}

    init(_ links: [Adjacency], ends: [Int]) {
        self.links = links
        self.ends = ends
    }

    /// Appends the links of the next document.
    mutating func append(_ more: [Adjacency]) {
        links += more
        ends.append(links.count)
    }

    /// The links of one document.
    subscript(index: Int) -> ArraySlice<Adjacency> {
        links[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    /// Sets the links of a document that has none.
    mutating func set(_ more: [Adjacency], at index: Int) {
        links.insert(contentsOf: more, at: ends[index])
        for place in index..<ends.count { ends[place] += more.count }
    }

    /// Renumbers the target nodes of all links.
    mutating func renumber(_ number: (VertexID) -> VertexID) {
        for place in links.indices { links[place].node = number(links[place].node) }
    }
}

extension CollectionState {
    /// Applies a batch.
    ///
    /// - Parameters:
    ///   - change: The effect of the batch.
    ///   - linked: The index that `linking` returned for its vectors.
    mutating func apply(_ change: IndexChange, linked: (any VectorIndex)? = nil) {
        if let linked { takeIndex(linked) }
        remove(change.removed, change.removedTexts)
        for node in change.unlinked { unlink(node) }
        if let run = change.vectors {
            append(run)
            if linked == nil { indexVectors(from: run.firstRow) }
        }
        var values = change.values
        values?.shift(by: change.firstRow)
        append(values)
        let rows = change.nodes.indices.map { change.firstRow + RowID($0) }
        append(change.texts, rows: rows)
        for (offset, node) in change.nodes.enumerated() {
            insert(
                change.firstRow + RowID(offset),
                node: node,
                links: change.links[offset]
            )
        }
        for (place, node) in change.delinked.sources.enumerated() {
            changeLinks(from: node, removing: change.delinked.links[place], adding: [])
        }
        for (place, node) in change.linked.sources.enumerated() {
            changeLinks(from: node, removing: [], adding: change.linked.links[place])
        }
        countDocuments(byteCount: change.documentByteCount)
        advance(to: change.sequenceNumber)
    }
}

/// The writes to a collection since a compaction began to fold it.
///
/// The compaction applies them to the contents that it opens. Without the journal it would read the
/// store, and decode and analyze every row again. Measured: that took half of a compaction's time.
struct ChangeBuffer: Sendable {
    private var changes: [IndexChange] = []
    private let limit: Int
    /// An estimate of the journal's bytes in memory.
    private(set) var byteCount = 0
    /// Whether the journal lacks a change.
    private(set) var isBroken = false

    /// - Parameter limit: The bytes beyond which the store's log is used instead.
    init(limit: Int) {
        self.limit = limit
    }

    mutating func append(_ change: IndexChange) {
        if isBroken { return }
        byteCount += change.byteCount
        guard byteCount <= limit else { return breakOff() }
        changes.append(change)
    }

    /// Drops all changes, because the next ones do not follow them.
    mutating func breakOff() {
        isBroken = true
        changes = []
        byteCount = 0
    }

    /// Returns the changes so far and removes them from the journal.
    mutating func take() -> [IndexChange] {
        defer {
            changes = []
            byteCount = 0
        }
        return changes
    }
}

/// Applies the writes during a compaction to the contents that begin with its base.
///
/// The new contents number documents and words differently, so each change is renumbered first.
struct ChangeRemapper {
    /// The contents that the compaction began with.
    let old: CollectionContents
    /// The new number of each node of `old`, where it is known.
    private var nodes: ContiguousArray<VertexID>
    private var terms = PostingsRemapping()

    /// - Parameters:
    ///   - old: The contents from which the base was made.
    ///   - nodes: The new numbers of the nodes of `old`.
    init(from old: CollectionContents, nodes: ContiguousArray<VertexID>) {
        self.old = old
        self.nodes = nodes
    }

    /// Applies changes to the new contents.
    mutating func apply(_ changes: [IndexChange], to contents: inout CollectionContents) {
        for change in changes {
            contents.state.apply(renumbered(change, for: contents))
        }
    }

    private mutating func renumbered(_ change: IndexChange, for contents: CollectionContents)
        -> IndexChange
    {
        var change = change
        learn(change, contents.ids)
        let nodes = nodes
        let number = { (node: VertexID) in nodes[Int(node)] }
        change.unlinked = change.unlinked.map(number)
        for place in change.nodes.indices {
            change.nodes[place] = number(change.nodes[place])
        }
        change.links.renumber(number)
        change.delinked.renumber(number)
        change.linked.renumber(number)
        let text = contents.state.text
        change.texts = change.texts.map { text.renumbered($0, &terms) }
        change.removedTexts = change.removedTexts.map { text.renumbered($0, &terms) }
        return change
    }

    /// Numbers every node of a change that the base left out, or that came after it.
    private mutating func learn(_ change: IndexChange, _ ids: IDTable) {
        var named = change.unlinked + change.nodes + change.links.links.map(\.node)
        for links in [change.delinked, change.linked] {
            named += links.sources + links.links.links.map(\.node)
        }
        let unknown = named.filter { node in
            node >= nodes.count || nodes[Int(node)] == CollectionState.none
        }
        let names = old.ids.withTable { table in unknown.map { table.id($0) } }
        let numbers = ids.withTable { table in names.map { table.intern($0) } }
        for (node, number) in zip(unknown, numbers) {
            while nodes.count <= Int(node) { nodes.append(CollectionState.none) }
            nodes[Int(node)] = number
        }
    }
}
