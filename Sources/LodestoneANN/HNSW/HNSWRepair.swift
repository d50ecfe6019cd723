// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import Synchronization

/// Copies a graph without some of its nodes: the others get new numbers, and nodes that lost links
/// get new ones.
///
/// Threading: its threads work on nodes of their own. Unchecked for that.
final class HNSWRepair: @unchecked Sendable {
    private let old: HNSWGraph
    private let kept: [UInt32]
    private let rows: [UInt32]
    private let graph: HNSWGraph
    private let threads: Int
    /// The new number of each old node; `none` for dropped nodes.
    private var numbers: [UInt32]

    /// The most links of a dropped node that a neighbor may choose from: the nearest come first.
    private static let inherited = 16

    /// Takes the old numbers of the nodes that stay, and the first row that each still has.
    init(
        _ old: HNSWGraph,
        _ kept: [UInt32],
        _ rows: [UInt32],
        into graph: HNSWGraph,
        threads: Int
    ) {
        self.old = old
        self.kept = kept
        self.rows = rows
        self.graph = graph
        self.threads = threads
        numbers = Array(repeating: HNSWGraph.none, count: old.count)
        for (number, node) in kept.enumerated() { numbers[Int(node)] = UInt32(number) }
    }

    /// Copies the nodes that stay, with the links between them.
    func copy(keepsCodes: Bool) {
        for (node, row) in zip(kept, rows) {
            let level = Int(old.levels[Int(node)])
            let number = graph.reserve(row: row, level: level)
            if keepsCodes {
                graph.copyRecord(old.record(node), to: number)
            }
            for level in 0...level {
                let list = graph.list(number, level)
                var length = 0
                for link in old.neighbors(node, level) where numbers[Int(link)] != HNSWGraph.none {
                    list[length] = numbers[Int(link)]
                    length += 1
                }
            }
            if graph.entry == HNSWGraph.none || level > graph.topLevel {
                graph.entry = number
                graph.topLevel = level
            }
        }
    }

    /// Lets nodes that lost links choose again.
    func mend(_ builder: HNSWBuilder) {
        let next = Atomic<Int>(0)
        ParallelWork.perform(parts: threads) { _ in
            let scratch = HNSWScratch(graph.codec, nodes: 0, kernels: builder.kernels)
            while true {
                let start = next.add(256, ordering: .relaxed).oldValue
                if start >= kept.count { return }
                for number in start..<min(start + 256, kept.count) {
                    for level in 0...Int(graph.levels[number]) {
                        mend(UInt32(number), level, builder, scratch)
                    }
                }
            }
        }
    }

    private func mend(
        _ number: UInt32,
        _ level: Int,
        _ builder: HNSWBuilder,
        _ scratch: HNSWScratch
    ) {
        let links = old.neighbors(kept[Int(number)], level)
        let gone = links.filter { numbers[Int($0)] == HNSWGraph.none }
        if gone.isEmpty { return }
        var others: Set<UInt32> = []
        for link in links where numbers[Int(link)] != HNSWGraph.none {
            others.insert(numbers[Int(link)])
        }
        for node in gone {
            for link in old.neighbors(node, level).prefix(Self.inherited)
            where numbers[Int(link)] != HNSWGraph.none {
                others.insert(numbers[Int(link)])
            }
        }
        others.remove(number)
        builder.relink(number, level, among: others.sorted(), scratch)
    }
}
