// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
package import LodestoneStructures

/// The graph index of `.hnswInline`: each write links its own rows into the graph.
///
/// The graph grows under a lock that searches share. Before the first write, searches of a base's
/// graph need no lock.
///
/// Threading: a value, as `HNSWIndex` says. One thread at a time writes.
package struct HNSWInlineIndex: HNSWIndex {
    package var core: HNSWCore
    package var indexesCheaply: Bool { false }

    package init(core: HNSWCore) { self.core = core }

    package mutating func indexMany(_ table: VectorTable, from row: RowID) {
        core.link(table, from: row)
    }
}
