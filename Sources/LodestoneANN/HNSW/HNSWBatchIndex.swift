// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
package import LodestoneStructures

/// The graph index of `.hnswBatch`: compactions and a background thread link vectors, and no write
/// waits for that.
///
/// The graph of a build or a base is frozen, and a search takes no lock. `extended` links rows into
/// a copy. After `adopt`, the index searches the copy and shares its lock.
///
/// Threading: a value, as `HNSWIndex` says.
package struct HNSWBatchIndex: HNSWIndex {
    package var core: HNSWCore
    package var indexesCheaply: Bool { true }

    package init(core: HNSWCore) { self.core = core }

    /// Does nothing: `extended` or `compacted` links the rows later.
    package mutating func indexMany(_ table: VectorTable, from row: RowID) {}
}
