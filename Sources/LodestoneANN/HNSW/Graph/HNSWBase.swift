// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// An unchecked graph in a base.
struct HNSWBase {
    let header: HNSWHeader
    let codec: VectorCodec
    let options: HNSWOptions
    let rows: MappedArray<RowID>
    let levels: MappedArray<UInt8>
    let upperStarts: MappedArray<UInt32>
    let upperLinks: MappedArray<NodeID>
    let links: MappedArray<NodeID>
    let codes: MappedArray<UInt8>
    let tails: MappedArray<Float>
    /// The sign codes; `nil` in a base of a release that had none.
    let signs: MappedArray<UInt8>?
    let copyRows: MappedArray<RowID>
    let copyNodes: MappedArray<NodeID>

    var count: Int { rows.count }
    /// The number of rows with a node.
    var rowCount: Int { rows.count + copyRows.count }
    var byteCount: Int {
        codes.count + (tails.count + links.count) * 4 + count * 9 + upperLinks.count * 4
            + (signs?.count ?? 0)
    }

    /// The graph of a base; `nil` when there is none, or when it has other options.
    init?(
        from source: some SectionSource,
        _ options: HNSWOptions,
        dimension: Int,
        metric: Metric
    ) {
        guard let words = source.section("HNSH", of: UInt32.self),
            let header = HNSWHeader(words.elements(0..<words.count)),
            header.dimension == dimension, header.metric == metric.rawValue,
            header.quantization == options.quantization.rawValue, header.m == options.m,
            header.efConstruction == options.efConstruction,
            let median = source.section("HNSM", of: Float.self), median.count == dimension,
            let rows = source.section("HNSR", of: RowID.self),
            let levels = source.section("HNSV", of: UInt8.self),
            let upperStarts = source.section("HNSS", of: UInt32.self),
            let upperLinks = source.section("HNSU", of: NodeID.self),
            let links = source.section("HNSL", of: NodeID.self),
            let codes = source.section("HNSC", of: UInt8.self),
            let tails = source.section("HNST", of: Float.self),
            let copyRows = source.section("HNSD", of: RowID.self),
            let copyNodes = source.section("HNSN", of: NodeID.self)
        else { return nil }
        let elements = median.elements(0..<median.count)
        guard elements.count == dimension, elements.allSatisfy(\.isFinite),
            Float(bitPattern: header.unit).isNormal
        else { return nil }
        let codec = VectorCodec(
            metric,
            dimension: dimension,
            quantization: options.quantization,
            unit: Float(bitPattern: header.unit),
            median: Array(elements)
        )
        let count = Int(header.count)
        let signs = source.section("HNSB", of: UInt8.self)
        guard rows.count == count, levels.count == count, upperStarts.count == count,
            links.count == count * HNSWGraph.degree(options),
            codes.count == count * codec.shape.stride + RecordShape.margin,
            tails.count == count * codec.shape.tailCount,
            copyRows.count == Int(header.copyCount), copyNodes.count == copyRows.count,
            signs.map({ $0.count == count * (codec.shape.signs?.stride ?? 0) }) ?? true,
            count > 0, header.entry < header.count, header.topLevel <= HNSWGraph.maximumLevel
        else { return nil }
        self.header = header
        self.codec = codec
        self.options = options
        self.rows = rows
        self.levels = levels
        self.upperStarts = upperStarts
        self.upperLinks = upperLinks
        self.links = links
        self.codes = codes
        self.tails = tails
        self.signs = signs
        self.copyRows = copyRows
        self.copyNodes = copyNodes
    }

    /// Opens the graph in place; `nil` when it is damaged.
    ///
    /// This compares all bytes with their checksums, and all numbers with their bounds, once, so
    /// that no search has to.
    ///
    /// - Complexity: O(bytes), 0.1 s per GiB.
    func open() -> HNSWGraph? {
        let rowList = rows.elements(0..<count)
        let levelList = levels.elements(0..<count)
        let startList = upperStarts.elements(0..<count)
        let upperList = upperLinks.elements(0..<upperLinks.count)
        let linkList = links.elements(0..<links.count)
        let codeList = codes.elements(0..<codes.count)
        let tailList = tails.elements(0..<tails.count)
        let signList = signs?.elements(0..<(signs?.count ?? 0))
        guard let rowStart = rowList.baseAddress, let levelStart = levelList.baseAddress,
            let startStart = startList.baseAddress, let linkStart = linkList.baseAddress,
            let codeStart = codeList.baseAddress, let tailStart = tailList.baseAddress,
            upperList.count == upperLinks.count, signList?.count == signs?.count,
            Self.areBelow(linkList, header.count), Self.areBelow(upperList, header.count)
        else { return nil }
        let lists = upperList.count / options.m
        var last: RowID?
        for node in 0..<count {
            if let last, rowList[node] <= last { return nil }
            last = rowList[node]
            guard rowList[node] < .max else { return nil }
            let level = Int(levelList[node])
            guard level == 0 || Int(startList[node]) + level <= lists else { return nil }
        }
        guard Int(levelList[Int(header.entry)]) >= Int(header.topLevel) else { return nil }
        // A link at a level must lead to a node of at least that level.
        for node in 0..<count where levelList[node] > 0 {
            for level in 1...Int(levelList[node]) {
                let start = (Int(startList[node]) + level - 1) * options.m
                for link in upperList[start..<start + options.m]
                where link != HNSWGraph.none && Int(levelList[Int(link)]) < level { return nil }
            }
        }
        let graph = HNSWGraph(
            codec,
            options,
            HNSWSections(
                header: header,
                rows: NumberList(start: rowStart, count: count),
                levels: levelStart,
                upperStarts: startStart,
                upperLinks: NumberList(
                    start: upperList.baseAddress ?? linkStart,
                    count: upperList.count
                ),
                links: linkStart,
                codes: codeStart,
                tails: tailStart,
                signs: signList?.baseAddress,
                owners: [
                    rows.bytes, levels.bytes, upperStarts.bytes, upperLinks.bytes, links.bytes,
                    codes.bytes, tails.bytes,
                ] + [signs?.bytes].compactMap { $0 }
            )
        )
        return addCopies(to: graph) ? graph : nil
    }

    /// Adds the further rows of nodes; returns whether all are valid.
    private func addCopies(to graph: HNSWGraph) -> Bool {
        let rowList = copyRows.elements(0..<copyRows.count)
        let nodeList = copyNodes.elements(0..<copyNodes.count)
        guard rowList.count == copyRows.count, nodeList.count == rowList.count else { return false }
        for (row, node) in zip(rowList, nodeList) {
            guard node.rawValue < header.count, graph.rows[Int(node)] < row, row < .max,
                graph.copies.rows.last.map({ $0 < row }) ?? true, graph.node(of: row) == nil
            else { return false }
            graph.copies.append(row, of: node)
        }
        return graph.endRow.rawValue == header.endRow
    }

    private static func areBelow(_ nodes: UnsafeBufferPointer<NodeID>, _ bound: UInt32) -> Bool {
        var isBelow = true
        for node in nodes { isBelow = isBelow && (node.rawValue < bound || node == HNSWGraph.none) }
        return isBelow
    }
}
