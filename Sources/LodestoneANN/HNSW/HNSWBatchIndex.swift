// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The graph index of `.hnswBatch`: compactions and the background make the graph, and no write
/// waits for it.
///
/// The graph of a build or a base is frozen, and a search takes no lock. `extended` links rows into
/// a copy. From `adopt` on, the index searches the copy, and shares its lock.
///
/// Threading: a value, as `HNSWIndex` says.
package struct HNSWBatchIndex: HNSWIndex {
    package var core: HNSWCore
    package var indexesCheaply: Bool { true }

    package init(core: HNSWCore) { self.core = core }

    /// Does nothing: the rows wait for `extended` or `compacted`.
    package mutating func indexMany(_ table: VectorTable, from row: UInt32) {}
}
