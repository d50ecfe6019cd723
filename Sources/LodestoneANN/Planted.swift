// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The bugs that the fault harness plants in this module; nothing in a release build.
enum Planted {
    /// M15: one row is linked, though the index will say that all are.
    @inline(__always)
    static func linked(_ count: Int) -> Int {
        Mutation.coverBeforeLinking.isPlanted ? 1 : count
    }

    /// M15: the index covers all rows, though most are not linked.
    @inline(__always)
    static func cover(_ table: VectorTable, through endRow: inout UInt32) {
        if Mutation.coverBeforeLinking.isPlanted { endRow = table.endRow }
    }
}
