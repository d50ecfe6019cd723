// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import LodestoneSystem

/// The bugs that the fault harness plants in this module; nothing in a release build.
enum Planted {
    /// M2: a commit doesn't wait for the disk.
    @inline(__always) static var skipsDiskWait: Bool { Mutation.synchronousNormal.isPlanted }

    /// M4: no log row counts as needed by a collection.
    @inline(__always)
    static func kept(_ condition: String) -> String {
        Mutation.compactionTruncatesNewerLog.isPlanted ? "0" : condition
    }

    /// M8: a commit has no request id; `afterCommit` adds it.
    @inline(__always)
    static func withoutRequestID(_ batch: StoredBatch) -> StoredBatch {
        guard Mutation.requestIDOutsideTransaction.isPlanted else { return batch }
        var batch = batch
        batch.requestID = nil
        return batch
    }

    /// M9: an fsync that failed is repeated, and the second result counts.
    @inline(__always) static var retriesFsync: Bool { Mutation.retryFailedFsync.isPlanted }

    /// M13: an erasure leaves the free pages of the database as they are.
    @inline(__always) static var leavesFreePages: Bool { Mutation.eraseLeavesFreePages.isPlanted }

    /// M14: a commit logs changes to the edges of a hub without making them; `afterCommit` does.
    ///
    /// - Returns: Whether the row is a hub: the commit must then not change its edges.
    @inline(__always)
    static func postpones(
        _ edges: EdgeChange,
        _ dropped: Set<DocumentID>,
        in table: RowTable,
        _ logged: inout [LoggedEdges]
    ) throws(LodestoneError) -> Bool {
        guard Mutation.hubsOutsideTransaction.isPlanted, try table.isHub(edges.row) else {
            return false
        }
        logged.append(SQLiteStore.logged(edges, dropped))
        return true
    }

    /// M16: a collection is compacted without its lock.
    @inline(__always) static var ignoresLock: Bool { Mutation.compactionWithoutLock.isPlanted }

    /// M17: a new base of one collection forgets the rows that are kept for the others.
    @inline(__always)
    static func forgetQuietLog(of store: SQLiteStore, through last: UInt64)
        throws(SQLiteConnection.Failure)
    {
        guard Mutation.quietLogForgotten.isPlanted else { return }
        let others = "FROM log WHERE collection > 0 AND kind = 3 AND seq <= \(last)"
        var kept = try KeptLog.read(store.writer)
        kept.remove(
            count: UInt64(try store.scalar("SELECT count(*) \(others)")),
            sum: UInt64(try store.scalar("SELECT coalesce(sum(chain), 0) \(others)"))
        )
        try store.writer.execute("DELETE \(others)")
        try kept.write(store.writer)
    }

    /// M6, M8 and M14: does work after a commit that belongs inside of the commit, or is forbidden.
    @inline(__always)
    static func afterCommit(_ batches: [StoredBatch], from first: UInt64, of store: SQLiteStore) {
        if Mutation.openCloseDatabaseFile.isPlanted { openAndClose(store.databasePath) }
        if Mutation.requestIDOutsideTransaction.isPlanted {
            usleep(5_000)
            for (batch, sequence) in zip(batches, first...) {
                try? store.remember(batch, sequenceNumber: sequence)
            }
        }
        if Mutation.hubsOutsideTransaction.isPlanted { changeEdgesOfHubs(batches, of: store) }
    }

    /// Opens and closes a file, as a careless backup would.
    private static func openAndClose(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor >= 0 { close(descriptor) }
    }

    private static func changeEdgesOfHubs(_ batches: [StoredBatch], of store: SQLiteStore) {
        for case .rows(let change) in batches.map(\.change) {
            let table = store.table(change)
            for edges in change.edgeChanges where (try? table.isHub(edges.row)) == true {
                usleep(50_000)
                try? store.writer.execute("BEGIN IMMEDIATE")
                _ = try? table.changeEdges(edges, Set(change.dropped))
                try? store.writer.execute("COMMIT")
            }
        }
    }
}

extension RowTable {
    /// Whether the row's edges are in the table of edges.
    fileprivate func isHub(_ row: RowID) throws(LodestoneError) -> Bool {
        if case .hub? = try readEdgeParts(row)?.edges { true } else { false }
    }
}
