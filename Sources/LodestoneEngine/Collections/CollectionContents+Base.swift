// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneFiles
import LodestoneGraph
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// The writing of a base: the sections of every derived index, in one file.
extension CollectionContents {
    /// Writes these contents as a base, durable once this returns.
    ///
    /// Ids that are neither a document nor an end of an edge are left out. The others get new
    /// numbers.
    ///
    /// - Returns: The new number of each node.
    /// - Complexity: O(documents and edges), about half a microsecond each, plus the vectors'
    ///   index.
    func writeBase(
        of collection: CollectionNumber,
        to path: String,
        _ work: IndexWork
    ) throws(LodestoneError) -> ContiguousArray<VertexID> {
        // The longest part comes first, because it may be cancelled.
        let index = try state.index.compacted(state.vectorTable, work)
        let (kept, newNumbers) = keptNodes()
        let labels = labelsInUse(from: kept)
        var writer = try BaseFileWriter(path)
        try BaseHeader(
            collection: UInt64(collection),
            sequenceNumber: state.sequenceNumber,
            documentCount: UInt64(state.documentCount),
            vectorCount: UInt64(state.vectorCount),
            edgeCount: UInt64(state.graph.edgeCount)
        ).write(to: &writer)
        try ids.write(kept, to: &writer)
        try Self.write(labels, to: &writer)
        try state.write(to: &writer, kept: kept, newNumbers: newNumbers)
        try index.write(to: &writer)
        // The base before it was read on the way and may be damaged; then the new base must not get
        // its name.
        if isDamaged { throw BaseFile.damaged(path, "the base before it is damaged") }
        Failpoint.reach("compaction.before-rename")
        try writer.finish()
        return newNumbers
    }

    /// The rows of the base at `path`, which was made from these contents.
    func liveRows(_ path: String) throws(LodestoneError) -> RowSet {
        var rows = RowSet(count: Int(state.nextRow))
        for row in 0..<state.nextRow where state.contains(row) { rows.insert(row) }
        if isDamaged { throw BaseFile.damaged(path, "the base before it is damaged") }
        return rows
    }

    /// The nodes that a new base keeps, ascending, and the new number of each node.
    private func keptNodes() -> (ContiguousArray<VertexID>, ContiguousArray<VertexID>) {
        let count = state.nodeBound
        var kept: ContiguousArray<VertexID> = []
        kept.reserveCapacity(count)
        var newNumbers = ContiguousArray(repeating: CollectionState.none, count: count)
        for node in 0..<VertexID(count)
        where state.row(of: node) != nil || state.graph.hasLinks(node) {
            newNumbers[Int(node)] = VertexID(kept.count)
            kept.append(node)
        }
        return (kept, newNumbers)
    }

    /// The labels in the order of their numbers; labels without links lose their names.
    ///
    /// The labels of dropped edges must not stay in the file. A label number without links gets a
    /// name that no other label has, so the other labels keep their numbers.
    private func labelsInUse(from kept: ContiguousArray<VertexID>) -> [String] {
        var labels = labels.withTable { $0.labels }
        var isUsed = [Bool](repeating: false, count: labels.count)
        for node in kept {
            // A number outside the table comes from a damaged base, which `writeBase` refuses.
            for link in state.graph.links(from: node) where link.label < isUsed.count {
                isUsed[Int(link.label)] = true
            }
        }
        var names = Set(labels.indices.lazy.filter { isUsed[$0] }.map { labels[$0] })
        for number in labels.indices where !isUsed[number] {
            var name = String(number)
            while !names.insert(name).inserted { name += "-" }
            labels[number] = name
        }
        return labels
    }

    private static func write(_ labels: [String], to sink: inout some SectionSink)
        throws(LodestoneError)
    {
        var bytes: ContiguousArray<UInt8> = []
        for label in labels {
            let count = UInt32(label.utf8.count)
            withUnsafeBytes(of: count.littleEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: label.utf8)
        }
        try sink.write("LABL", bytes)
    }

    static func readLabels(from source: some SectionSource) -> LabelTable? {
        guard let section = source.section("LABL", of: UInt8.self) else { return nil }
        let labels = LabelTable()
        let bytes = UnsafeRawBufferPointer(section.elements(0..<section.count))
        guard bytes.count == section.count else { return nil }
        var place = 0
        while place + 4 <= bytes.count {
            let count = Int(
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
            )
            guard count <= bytes.count - place - 4 else { return nil }
            let label = String(decoding: bytes[place + 4..<place + 4 + count], as: UTF8.self)
            _ = labels.withTable { $0.intern(label) }
            place += 4 + count
        }
        return labels
    }
}

/// The first section of a base: its collection, its sequence number and its counts.
struct BaseHeader {
    var collection: UInt64
    var sequenceNumber: UInt64
    var documentCount: UInt64
    var vectorCount: UInt64
    var edgeCount: UInt64

    func write(to sink: inout some SectionSink) throws(LodestoneError) {
        try sink.write(
            "HEAD",
            [collection, sequenceNumber, documentCount, vectorCount, edgeCount] as ContiguousArray
        )
    }
}

extension BaseHeader {
    init?(from source: some SectionSource) {
        guard let section = source.section("HEAD", of: UInt64.self) else { return nil }
        let fields = section.elements(0..<5)
        guard fields.count == 5 else { return nil }
        self.init(
            collection: fields[0],
            sequenceNumber: fields[1],
            documentCount: fields[2],
            vectorCount: fields[3],
            edgeCount: fields[4]
        )
    }
}

extension CollectionState {
    /// Opens the sections of the state in a base; `nil` when some are missing.
    init?(
        from source: some SectionSource,
        _ header: BaseHeader,
        _ options: CollectionOptions,
        vectors runs: [VectorRun]
    ) {
        guard let nodes = source.section("ROWN", of: VertexID.self),
            let rows = source.section("NODR", of: RowID.self),
            let graph = GraphIndex(from: source, edgeCount: Int(clamping: header.edgeCount)),
            let values = FieldIndex(from: source),
            let text = options.textStrategy.openIndex(from: source, options.text)
        else { return nil }
        self.init(
            dimension: options.dimension,
            nodes: nodes,
            rows: rows,
            graph: graph,
            text: text,
            values: values,
            index: options.vectorStrategy.openIndex(
                from: source,
                dimension: options.dimension,
                metric: options.metric
            ),
            header
        )
        for run in runs { append(run) }
        advance(to: header.sequenceNumber)
    }

    fileprivate func write(
        to sink: inout some SectionSink,
        kept: ContiguousArray<VertexID>,
        newNumbers: ContiguousArray<VertexID>
    ) throws(LodestoneError) {
        var nodes = ContiguousArray(repeating: Self.none, count: Int(nextRow))
        var rows: ContiguousArray<RowID> = []
        rows.reserveCapacity(kept.count)
        for node in kept {
            let row = row(of: node)
            rows.append(row ?? Self.none)
            if let row { nodes[Int(row)] = newNumbers[Int(node)] }
        }
        try sink.write("ROWN", nodes)
        try sink.write("NODR", rows)
        try graph.write(to: &sink, kept: kept, newNumbers: newNumbers)
        try text.write(to: &sink) { contains($0) }
        try values.write(to: &sink)
    }
}
