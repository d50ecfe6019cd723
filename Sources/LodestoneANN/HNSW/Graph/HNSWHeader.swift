// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The first section of a graph in a base: the parameters of the others.
struct HNSWHeader: Equatable {
    /// The version of the format.
    ///
    /// Format 1 had codes of one scale. Such a graph is rebuilt from the rows.
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
    var recall: UInt32
    /// The bits of the unit of the codes.
    var unit: UInt32
    /// The number of further rows of nodes (`HNSWCopies`).
    var copyCount: UInt32

    var words: ContiguousArray<UInt32> {
        [
            Self.format, dimension, metric, quantization, m, efConstruction, count, entry, topLevel,
            endRow, unreachable, recall, unit, copyCount,
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
        entry = graph.entry.rawValue
        topLevel = UInt32(graph.topLevel)
        endRow = graph.endRow.rawValue
        unreachable = UInt32(health.unreachable)
        recall = health.recall.map { UInt32($0 * 1_000_000) } ?? .max
        unit = codec.center.unit.bitPattern
        copyCount = UInt32(graph.copies.count)
    }

    init?(_ words: UnsafeBufferPointer<UInt32>) {
        guard words.count == 14, words[0] == Self.format else { return nil }
        (dimension, metric, quantization) = (words[1], words[2], words[3])
        (m, efConstruction, count) = (words[4], words[5], words[6])
        (entry, topLevel, endRow) = (words[7], words[8], words[9])
        (unreachable, recall) = (words[10], words[11])
        (unit, copyCount) = (words[12], words[13])
    }
}
