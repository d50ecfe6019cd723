// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures
import LodestoneSystem

/// The bugs that the fault harness plants in this module; empty in a release build.
enum Planted {
    /// M1: writes get their replies before a commit, and the commit then waits.
    @inline(__always)
    static func acknowledgeEarly(_ writes: [(pending: PendingWrite, assigned: AssignedWrite)]) {
        guard Mutation.ackBeforeCommit.isPlanted else { return }
        for (pending, assigned) in writes {
            let batch = assigned.batch
            let receipt = WriteReceipt(
                sequenceNumber: 0,
                durability: .full,
                inserted: batch.inserted,
                replaced: batch.replaced,
                dropped: batch.dropped
            )
            pending.completion(.success(receipt))
        }
        usleep(20_000)
    }

    /// M5: the next base has documents that were dropped since the previous base.
    @inline(__always)
    static func forgetTombstones(of version: inout CollectionVersion) {
        guard Mutation.tombstoneDroppedAtMerge.isPlanted else { return }
        let rows = version.update(CollectionIDs.self) { $0.forgetTombstones() }
        version.update(FieldIndex.self) { index in
            for row in rows { index.insert(row) }
        }
    }

    /// M18: a collection is closed while it is used.
    @inline(__always) static var closesInUse: Bool { Mutation.collectionClosedInUse.isPlanted }

    /// M19: the forgotten part of the log counts as applied.
    @inline(__always)
    static var skipsForgottenLog: Bool { Mutation.forgottenLogPassedOver.isPlanted }
}

extension CollectionIDs {
    /// Restores the documents of the base that were dropped.
    ///
    /// - Returns: Their rows.
    fileprivate mutating func forgetTombstones() -> [RowID] {
        var restored: [RowID] = []
        for row in 0..<baseRowCount where vertices[row] == Self.noVertex {
            let vertex = vertices.baseElement(row)
            guard vertex != Self.noVertex, self.row(of: vertex) == nil else { continue }
            vertices[row] = vertex
            rows[Int(vertex)] = RowID(row)
            restored.append(RowID(row))
        }
        return restored
    }
}
