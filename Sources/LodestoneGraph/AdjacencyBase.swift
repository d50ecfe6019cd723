// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The lists of one direction in a base: the edges of all vertices, one list after the other.
///
/// The edges lie in columns: the other end in 4 bytes, the label id in the fewest of 1, 2 or 4 that
/// hold all, and the weight in 4, unless all are 1. So most edges take 5 bytes, and a vertex takes
/// 4 for the start of its list. Bases of earlier releases have rows of 12 bytes, and 8 per vertex.
///
/// Checksums find damage. A start or a length that leaves the section makes an empty list.
///
/// A class, because copies of its sections took longer than the walk.
///
/// Threading: any thread; the memory is never written.
final class AdjacencyBase: Sendable {
    typealias List = AdjacencyLists.List

    /// The names of the sections.
    struct Tags {
        let starts: SectionTag
        let vertices: SectionTag
        let labels: SectionTag
        let weights: SectionTag
        /// The lists and the edges of earlier releases.
        let lists: SectionTag
        let edges: SectionTag

        static let outgoing = Tags(
            starts: "GOST",
            vertices: "GOVX",
            labels: "GOLB",
            weights: "GOWT",
            lists: "GOLS",
            edges: "GOLK"
        )
        static let incoming = Tags(
            starts: "GIST",
            vertices: "GIVX",
            labels: "GILB",
            weights: "GIWT",
            lists: "GILS",
            edges: "GILK"
        )
    }

    private enum Form {
        /// Columns, with label ids of 1, 2 or 4 bytes.
        case bytes, halfWords, words
        /// The rows of earlier releases.
        case rows
    }

    private let form: Form
    // Sections that the form lacks are empty.
    private let starts: MappedArray<UInt32>
    private let vertices: MappedArray<VertexID>
    private let byteLabels: MappedArray<UInt8>
    private let halfWordLabels: MappedArray<UInt16>
    private let wordLabels: MappedArray<UInt32>
    private let weights: MappedArray<Float>
    private let lists: MappedArray<List>
    private let rows: MappedArray<Adjacency>
    /// The number of lists.
    let vertexCount: Int
    private let edgeCount: Int

    /// Opens the sections of a direction; `nil` when some are missing or do not fit each other.
    init?(from source: some SectionSource, _ tags: Tags) {
        let lists = source.section(tags.lists, of: List.self)
        let rows = source.section(tags.edges, of: Adjacency.self)
        let starts = source.section(tags.starts, of: UInt32.self)
        let vertices = source.section(tags.vertices, of: VertexID.self)
        let bytes = source.section(tags.labels, of: UInt8.self)
        let halfWords = source.section(tags.labels, of: UInt16.self)
        let words = source.section(tags.labels, of: UInt32.self)
        let weights = source.section(tags.weights, of: Float.self)
        if let lists, let rows {
            form = .rows
            vertexCount = lists.count
            edgeCount = rows.count
        } else if let starts, starts.count > 0, let vertices, let weights,
            weights.count == 0 || weights.count == vertices.count
        {
            vertexCount = starts.count - 1
            edgeCount = vertices.count
            switch vertices.count {
            case bytes?.count: form = .bytes
            case halfWords?.count: form = .halfWords
            case words?.count: form = .words
            default: return nil
            }
        } else {
            return nil
        }
        guard let memory = (lists?.bytes ?? starts?.bytes),
            let noList = MappedArray<List>(memory, 0..<0),
            let noRow = MappedArray<Adjacency>(memory, 0..<0),
            let noWord = MappedArray<UInt32>(memory, 0..<0),
            let noVertex = MappedArray<VertexID>(memory, 0..<0),
            let noByte = MappedArray<UInt8>(memory, 0..<0),
            let noHalfWord = MappedArray<UInt16>(memory, 0..<0),
            let noWeight = MappedArray<Float>(memory, 0..<0)
        else { return nil }
        self.lists = lists ?? noList
        self.rows = rows ?? noRow
        self.starts = starts ?? noWord
        self.vertices = vertices ?? noVertex
        byteLabels = bytes ?? noByte
        halfWordLabels = halfWords ?? noHalfWord
        wordLabels = words ?? noWord
        self.weights = weights ?? noWeight
    }

    /// The list of a vertex, empty beyond the last one.
    @inline(__always)
    func list(of vertex: VertexID) -> List {
        let vertex = Int(vertex)
        guard vertex < vertexCount else { return List() }
        let start: Int
        let count: Int
        if form == .rows {
            let list = lists.element(vertex, or: List())
            start = Int(list.address)
            count = Int(list.count)
        } else {
            let bounds = starts.elements(vertex..<vertex + 2)
            guard bounds.count == 2 else { return List() }
            start = Int(bounds[0])
            count = Int(bounds[1]) - start
        }
        guard count > 0, start + count <= edgeCount, count <= Int(Int32.max) else { return List() }
        return List(address: UInt32(start), count: UInt32(count), isInBase: true)
    }

    /// The edge at a position; any edge where the base is damaged.
    func edge(_ position: Int) -> Adjacency {
        let label: UInt32
        switch form {
        case .rows:
            let fallback = Adjacency(label: LabelID(0), vertex: VertexID(0))
            return rows.element(position, or: fallback)
        case .bytes: label = UInt32(byteLabels.element(position, or: 0))
        case .halfWords: label = UInt32(halfWordLabels.element(position, or: 0))
        case .words: label = wordLabels.element(position, or: 0)
        }
        return Adjacency(
            label: LabelID(rawValue: label),
            vertex: vertices.element(position, or: VertexID(0)),
            weight: weights.element(position, or: 1)
        )
    }

    /// Passes the edges at some positions to a visitor; none when any of them is damaged.
    @inline(__always)
    func visit(_ range: Range<Int>, _ visitor: some EdgeVisitor) {
        switch form {
        case .rows: visitor.visit(rows.elements(range))
        case .bytes: visit(range, byteLabels, visitor)
        case .halfWords: visit(range, halfWordLabels, visitor)
        case .words: visit(range, wordLabels, visitor)
        }
    }

    @inline(__always)
    private func visit<Label: FixedWidthInteger & BitwiseCopyable>(
        _ range: Range<Int>,
        _ labels: MappedArray<Label>,
        _ visitor: some EdgeVisitor
    ) {
        let columns = EdgeColumns(
            vertices: vertices.elements(range),
            labels: labels.elements(range),
            weights: weights.elements(weights.count == 0 ? 0..<0 : range)
        )
        guard columns.labels.count == columns.count,
            weights.count == 0 || columns.weights.count == columns.count
        else { return }
        visitor.visit(columns)
    }

    /// Prefetches the position of a vertex's list.
    @inline(__always)
    func prefetchList(of vertex: VertexID) {
        if form == .rows { lists.prefetch(Int(vertex)) } else { starts.prefetch(Int(vertex)) }
    }

    /// Prefetches the edge at a position.
    @inline(__always)
    func prefetchEdge(_ position: Int) {
        if form == .rows { return rows.prefetch(position) }
        vertices.prefetch(position)
        byteLabels.prefetch(position)
    }
}

/// The columns of a base that is written.
struct AdjacencyColumns {
    private var starts: ContiguousArray<UInt32> = [0]
    private var vertices: ContiguousArray<VertexID> = []
    private var labels: ContiguousArray<LabelID> = []
    /// Empty as long as all weights are 1.
    private var weights: ContiguousArray<Float> = []
    private var maxLabel = LabelID(rawValue: 0)

    init(vertexCount: Int) { starts.reserveCapacity(vertexCount + 1) }

    /// Adds an edge to the last list, which has no end yet.
    mutating func append(_ edge: Adjacency) {
        if edge.weight != 1, weights.isEmpty {
            weights = ContiguousArray(repeating: 1, count: vertices.count)
            weights.append(edge.weight)
        } else if !weights.isEmpty {
            weights.append(edge.weight)
        }
        vertices.append(edge.vertex)
        labels.append(edge.label)
        maxLabel = max(maxLabel, edge.label)
    }

    /// Ends the last list.
    mutating func endList() { starts.append(UInt32(vertices.count)) }

    func write(to sink: inout some SectionSink, _ tags: AdjacencyBase.Tags) throws(LodestoneError) {
        try sink.write(tags.starts, starts)
        try sink.write(tags.vertices, vertices)
        switch maxLabel.rawValue {
        case ...UInt32(UInt8.max): try sink.write(tags.labels, narrowLabels(UInt8.self))
        case ...UInt32(UInt16.max): try sink.write(tags.labels, narrowLabels(UInt16.self))
        default: try sink.write(tags.labels, labels)
        }
        try sink.write(tags.weights, weights)
    }

    private func narrowLabels<Label: FixedWidthInteger>(_ type: Label.Type)
        -> ContiguousArray<Label>
    {
        ContiguousArray(labels.lazy.map { Label(truncatingIfNeeded: $0.rawValue) })
    }
}
