// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The first section of a graph in a base, which says how to read the others.
struct HNSWHeader: Equatable {
    /// The version of the format.
    ///
    /// Format 1 had codes of one scale. Nothing reads it any more: such a graph is built again from
    /// the rows.
    static let format: UInt32 = 2
    var dimension: UInt32
    var metric: UInt32
    var quantization: UInt32
    var m: UInt32
    var efConstruction: UInt32
    var count: UInt32
    var entry: UInt32
    var topLevel: UInt32
    var endRow: UInt32
    var unreachable: UInt32
    /// The recall in millionths; `UInt32.max`: not measured.
    var selfRecall: UInt32
    /// The bits of the unit of the codes.
    var unit: UInt32
    /// The number of further rows of nodes (`HNSWCopies`).
    var copyCount: UInt32

    var words: ContiguousArray<UInt32> {
        [
            Self.format, dimension, metric, quantization, m, efConstruction, count, entry, topLevel,
            endRow, unreachable, selfRecall, unit, copyCount,
        ]
    }

    init(_ graph: HNSWGraph, _ health: IndexHealth) {
        let codec = graph.codec
        dimension = UInt32(codec.dimension)
        metric = UInt32(codec.metric.rawValue)
        quantization = UInt32(codec.quantization.rawValue)
        m = UInt32(graph.options.m)
        efConstruction = UInt32(graph.options.efConstruction)
        count = UInt32(graph.count)
        entry = graph.entry
        topLevel = UInt32(graph.topLevel)
        endRow = graph.endRow
        unreachable = UInt32(health.unreachable)
        selfRecall = health.recall.map { UInt32($0 * 1_000_000) } ?? .max
        unit = codec.center.unit.bitPattern
        copyCount = UInt32(graph.copies.count)
    }

    init?(_ words: UnsafeBufferPointer<UInt32>) {
        guard words.count == 14, words[0] == Self.format else { return nil }
        (dimension, metric, quantization) = (words[1], words[2], words[3])
        (m, efConstruction, count) = (words[4], words[5], words[6])
        (entry, topLevel, endRow) = (words[7], words[8], words[9])
        (unreachable, selfRecall) = (words[10], words[11])
        (unit, copyCount) = (words[12], words[13])
    }
}

/// A graph in a base, not checked yet.
struct HNSWBase {
    let header: HNSWHeader
    let codec: VectorCodec
    let options: HNSWOptions
    let rows: MappedArray<UInt32>
    let levels: MappedArray<UInt8>
    let upperStarts: MappedArray<UInt32>
    let upperLinks: MappedArray<UInt32>
    let links: MappedArray<UInt32>
    let codes: MappedArray<UInt8>
    let tails: MappedArray<Float>
    let copyRows: MappedArray<UInt32>
    let copyNodes: MappedArray<UInt32>

    var count: Int { rows.count }
    /// The number of rows that have a node.
    var rowCount: Int { rows.count + copyRows.count }
    var byteCount: Int {
        codes.count + (tails.count + links.count) * 4 + count * 9 + upperLinks.count * 4
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
            let rows = source.section("HNSR", of: UInt32.self),
            let levels = source.section("HNSV", of: UInt8.self),
            let upperStarts = source.section("HNSS", of: UInt32.self),
            let upperLinks = source.section("HNSU", of: UInt32.self),
            let links = source.section("HNSL", of: UInt32.self),
            let codes = source.section("HNSC", of: UInt8.self),
            let tails = source.section("HNST", of: Float.self),
            let copyRows = source.section("HNSD", of: UInt32.self),
            let copyNodes = source.section("HNSN", of: UInt32.self)
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
        guard rows.count == count, levels.count == count, upperStarts.count == count,
            links.count == count * HNSWGraph.degree(options),
            codes.count == count * codec.shape.stride + RecordShape.margin,
            tails.count == count * codec.shape.tailCount,
            copyRows.count == Int(header.copyCount), copyNodes.count == copyRows.count,
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
        self.copyRows = copyRows
        self.copyNodes = copyNodes
    }

    /// Opens the graph in place; `nil` when it is damaged.
    ///
    /// This compares all bytes with their checksums, and all numbers with their bounds, once: a
    /// search has no time for that.
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
        guard let rowStart = rowList.baseAddress, let levelStart = levelList.baseAddress,
            let startStart = startList.baseAddress, let linkStart = linkList.baseAddress,
            let codeStart = codeList.baseAddress, let tailStart = tailList.baseAddress,
            upperList.count == upperLinks.count,
            Self.areBelow(linkList, header.count), Self.areBelow(upperList, header.count)
        else { return nil }
        let lists = upperList.count / options.m
        var last: UInt32?
        for node in 0..<count {
            if let last, rowList[node] <= last { return nil }
            last = rowList[node]
            let level = Int(levelList[node])
            guard level == 0 || Int(startList[node]) + level <= lists else { return nil }
        }
        guard Int(levelList[Int(header.entry)]) >= Int(header.topLevel) else { return nil }
        // A link at a level must lead to a node that has the level.
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
                    start: upperList.baseAddress ?? rowStart,
                    count: upperList.count
                ),
                links: linkStart,
                codes: codeStart,
                tails: tailStart,
                owners: [
                    rows.bytes, levels.bytes, upperStarts.bytes, upperLinks.bytes, links.bytes,
                    codes.bytes, tails.bytes,
                ]
            )
        )
        return addCopies(to: graph) ? graph : nil
    }

    /// Gives nodes their further rows; returns whether all of them are valid.
    private func addCopies(to graph: HNSWGraph) -> Bool {
        let rowList = copyRows.elements(0..<copyRows.count)
        let nodeList = copyNodes.elements(0..<copyNodes.count)
        guard rowList.count == copyRows.count, nodeList.count == rowList.count else { return false }
        for (row, node) in zip(rowList, nodeList) {
            guard node < header.count, graph.rows[Int(node)] < row,
                graph.copies.rows.last.map({ $0 < row }) ?? true, graph.node(of: row) == nil
            else { return false }
            graph.copies.append(row, of: node)
        }
        return graph.endRow == header.endRow
    }

    private static func areBelow(_ numbers: UnsafeBufferPointer<UInt32>, _ bound: UInt32) -> Bool {
        var isBelow = true
        for number in numbers { isBelow = isBelow && (number < bound || number == HNSWGraph.none) }
        return isBelow
    }
}

extension HNSWIndex {
    /// Opens the graph of a base.
    ///
    /// The index covers nothing when the base has no graph that fits, or when all forms of the
    /// graph were refused.
    package init(
        from source: some SectionSource,
        _ options: HNSWOptions,
        linksInline: Bool,
        dimension: Int,
        metric: Metric
    ) {
        self.init(options, linksInline: linksInline, dimension: dimension, metric: metric)
        if let asked = source.section("HNSO", of: UInt32.self),
            Array(asked.elements(0..<asked.count)) == Self.words(of: options),
            let health = IndexHealth(from: source)
        {
            self.health = health
        }
        guard let base = HNSWBase(from: source, form, dimension: dimension, metric: metric)
        else { return }
        open(HNSWStore(base))
    }

    package func write(to sink: inout some SectionSink) throws(LodestoneError) {
        try sink.write("HNSO", ContiguousArray(Self.words(of: options)))
        try health.write(to: &sink)
        guard let graph = store?.graph else { return }
        let count = graph.count
        try sink.write("HNSH", HNSWHeader(graph, health).words)
        try sink.write("HNSM", ContiguousArray(graph.codec.center.median))
        try sink.write("HNSR", UnsafeRawBufferPointer(start: graph.rows, count: count * 4))
        try sink.write("HNSV", UnsafeRawBufferPointer(start: graph.levels, count: count))
        try sink.write("HNSS", UnsafeRawBufferPointer(start: graph.upperStarts, count: count * 4))
        try sink.write(
            "HNSU",
            UnsafeRawBufferPointer(
                start: graph.upperLinks,
                count: graph.upperCount * graph.options.m * 4
            )
        )
        try sink.write(
            "HNSL",
            UnsafeRawBufferPointer(start: graph.links, count: count * graph.listLength * 4)
        )
        try sink.write(
            "HNSC",
            UnsafeRawBufferPointer(
                start: graph.records.codes,
                count: count * graph.codec.shape.stride + RecordShape.margin
            )
        )
        try sink.write(
            "HNST",
            UnsafeRawBufferPointer(
                start: graph.records.tail,
                count: count * graph.codec.shape.tailCount * 4
            )
        )
        try sink.write("HNSD", ContiguousArray(graph.copies.rows))
        try sink.write("HNSN", ContiguousArray(graph.copies.nodes))
        withExtendedLifetime(graph) {}
    }
}

extension HNSWIndex {
    /// The options that a stored health belongs to: the health of another graph says nothing of
    /// this one.
    private static func words(of asked: HNSWOptions) -> [UInt32] {
        [UInt32(asked.quantization.rawValue), UInt32(asked.m), UInt32(asked.efConstruction)]
    }
}

extension SectionSink {
    fileprivate mutating func write(_ tag: SectionTag, _ bytes: UnsafeRawBufferPointer)
        throws(LodestoneError)
    {
        try begin(tag)
        try append(bytes)
    }
}
