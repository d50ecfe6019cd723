// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The bugs that the fault harness plants in this module; nothing in a release build.
enum Planted {
    /// M15: links one row, while the index counts all as linked.
    @inline(__always)
    static func linked(_ count: Int) -> Int {
        Mutation.coverBeforeLinking.isPlanted ? 1 : count
    }

    /// M15: the index covers all rows, while most are not linked.
    @inline(__always)
    static func cover(_ table: VectorTable, through endRow: inout RowID) {
        if Mutation.coverBeforeLinking.isPlanted { endRow = table.endRow }
    }
}
