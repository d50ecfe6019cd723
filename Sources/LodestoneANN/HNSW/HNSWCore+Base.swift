// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

extension HNSWCore {
    /// Opens the graph of a base, as `HNSWIndex` does.
    init(
        from source: some SectionSource,
        _ options: HNSWOptions,
        dimension: Int,
        metric: Metric
    ) {
        self.init(options, dimension: dimension, metric: metric)
        if let words = source.section("HNSO", of: UInt32.self),
            Array(words.elements(0..<words.count)) == Self.words(of: options),
            let health = IndexHealth(from: source)
        {
            self.health = health
        }
        guard let base = HNSWBase(from: source, form, dimension: dimension, metric: metric)
        else { return }
        open(HNSWFrozenGraph(base))
    }

    /// Writes the sections that `init(from:)` reads.
    func write(to sink: inout some SectionSink) throws(LodestoneError) {
        try sink.write("HNSO", ContiguousArray(Self.words(of: options)))
        try health.write(to: &sink)
        guard let graph = graph?.snapshot else { return }
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
        if let signs = graph.signs, let shape = graph.codec.shape.signs {
            let bytes = UnsafeRawBufferPointer(start: signs, count: count * shape.stride)
            try sink.write("HNSB", bytes)
        }
        try sink.write("HNSD", ContiguousArray(graph.copies.rows))
        try sink.write("HNSN", ContiguousArray(graph.copies.nodes))
        withExtendedLifetime(graph) {}
    }

    /// The options of the measured graph: the health of a graph with other options is not used.
    private static func words(of options: HNSWOptions) -> [UInt32] {
        [UInt32(options.quantization.rawValue), UInt32(options.m), UInt32(options.efConstruction)]
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
