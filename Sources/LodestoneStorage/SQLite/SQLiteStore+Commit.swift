// SPDX-License-Identifier: Apache-2.0
import CSQLite
package import LodestoneCore
import LodestoneFiles
import LodestoneStructures

/// A commit, in an order that survives a crash at any point.
///
/// One transaction inserts the rows and the log, which name the vectors. The vectors are appended
/// to segments meanwhile, and made durable before `COMMIT`. So no committed row lacks its vector.
extension SQLiteStore {
    package func commit(_ batches: [StoredBatch]) throws(LodestoneError) -> [CommittedBatch] {
        try refuseIfClosed()
        if let failure = writeFailure.withLock({ $0 }) { throw failure }
        if batches.contains(where: \.addsDocuments) { try refuseIfAlmostFull() }
        var sequence = lastSequence
        var chain = chain
        var committed: [CommittedBatch] = []
        var dropped: [CollectionNumber] = []
        do throws(LodestoneError) {
            try run("BEGIN IMMEDIATE")
            var redo = try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
                try RedoRecorder(writer)
            }
            for batch in batches {
                sequence += 1
                let (log, outcome) = try write(batch, sequenceNumber: sequence)
                do throws(SQLiteConnection.Failure) {
                    let before = chain
                    chain = try log.insert(into: writer, after: chain)
                    try redo?.record(
                        batch,
                        sequenceNumber: sequence,
                        chains: (before: before, after: chain)
                    )
                    try remember(Planted.withoutRequestID(batch), sequenceNumber: sequence)
                    try forgetRequests(before: sequence)
                } catch {
                    throw error.asLodestoneError(context: nil)
                }
                committed.append(outcome)
                if case .dropCollection(let number) = batch.change { dropped.append(number) }
            }
            try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
                try redo?.finish()
            }
        } catch {
            rollBack()
            throw error
        }
        Failpoint.reach(.commitInTransaction)
        try synchronizeSegments()
        Failpoint.reach(.commitAfterFdatasync)
        try commitTransaction()
        Failpoint.reach(.commitAfterCommit)
        Planted.afterCommit(batches, from: lastSequence + 1, of: self)
        lastSequence = sequence
        self.chain = chain
        for collection in dropped {
            segments.remove(collection)
            removeBases(of: collection, except: nil)
        }
        checkpointIfLarge()
        return committed
    }

    /// Refuses documents when the disk lacks the free space that the write-ahead log may take until
    /// its checkpoint.
    ///
    /// Drops are permitted: they take some of that space first and free more later.
    private func refuseIfAlmostFull() throws(LodestoneError) {
        guard let free = FileSystem.freeBytes(directory), free < Self.checkpointBytes else {
            return
        }
        throw LodestoneError(
            .resourceExhausted,
            reason: .diskFull,
            "The disk is almost full: \(free) bytes are free, and documents leave "
                + "\(Self.checkpointBytes) for drops.",
            recovery: "Free space on the data directory's disk; reads and drops go on.",
            object: directory
        )
    }

    /// Copies the write-ahead log into the database once it is long.
    ///
    /// A reader may prevent the log from restarting at its beginning. So the log is also truncated
    /// at four times the limit.
    func checkpointIfLarge() {
        let byteCount = walPages * pageBytes
        if byteCount > Self.checkpointBytes {
            Failpoint.reach(.checkpointBefore)
            checkpoint(
                byteCount > 4 * Self.checkpointBytes
                    ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
            )
            Failpoint.reach(.checkpointAfter)
        }
    }

    /// Runs `body` in a transaction of the writer; a failure has the same effects as that of a
    /// commit.
    func transaction<T>(_ body: () throws(SQLiteConnection.Failure) -> T) throws(LodestoneError)
        -> T
    {
        if let failure = writeFailure.withLock({ $0 }) { throw failure }
        let result: T
        do throws(SQLiteConnection.Failure) {
            try writer.execute("BEGIN IMMEDIATE")
            result = try body()
        } catch {
            rollBack()
            throw error.asLodestoneError(context: nil)
        }
        try commitTransaction()
        return result
    }

    /// Makes the appended vectors durable.
    ///
    /// A failed fsync does not tell which pages reached the disk, and the kernel may have dropped
    /// them. So the batches are rolled back, and the store refuses all later writes.
    private func synchronizeSegments() throws(LodestoneError) {
        do throws(LodestoneError) {
            try segments.synchronize()
        } catch {
            rollBack()
            refuseWrites(because: error)
            throw error
        }
    }

    private func commitTransaction() throws(LodestoneError) {
        do throws(SQLiteConnection.Failure) {
            try writer.execute("COMMIT")
        } catch {
            var failure = error.asLodestoneError(context: nil)
            // On a full disk, the last frame of the commit is not complete in the write-ahead log.
            // SQLite ignores a commit without its last frame, so a rollback is safe. On a busy
            // database, the transaction is still open and can be rolled back.
            let isOpen = sqlite3_get_autocommit(writer.handle) == 0
            if error.code & 0xff == SQLITE_FULL || (isOpen && error.code & 0xff == SQLITE_BUSY) {
                rollBack()
                throw failure
            }
            rollBack()
            refuseWrites(because: failure)
            failure.code = .unknown
            failure.outcome = .unknown
            failure.recovery = "Reopen the store, then send it again with the same request id."
            throw failure
        }
    }

    func refuseWrites(because failure: LodestoneError) {
        writeFailure.withLock {
            $0 = LodestoneError(
                .failedPrecondition,
                reason: .readOnly,
                "The store is read-only since a write failed: \(failure.message)",
                recovery: "Check the disk, then restart the server; reads go on.",
                object: directory
            )
        }
    }

    private func write(_ batch: StoredBatch, sequenceNumber: UInt64) throws(LodestoneError)
        -> (LogRow, CommittedBatch)
    {
        let nothing = CommittedBatch(sequenceNumber: sequenceNumber)
        switch batch.change {
        case .createCollection(let record):
            try run(Schema.createCollection(record.number, record.options.textStrategy))
            try run("UPDATE meta SET value = \(record.number) + 1 WHERE key = 'next_collection'")
            do throws(SQLiteConnection.Failure) {
                let statement = try writer.statement(
                    "INSERT INTO collections(number, name, options) VALUES(?1, ?2, ?3)"
                )
                statement.bind(record.number, at: 1)
                statement.bind(blob: record.name, at: 2)
                statement.bind(OptionsCoding.encode(rowOf: record), at: 3)
                try statement.run()
            } catch {
                throw error.asLodestoneError(context: nil)
            }
            return (
                LogRow(
                    sequenceNumber: sequenceNumber,
                    collection: record.number,
                    kind: .createCollection
                ), nothing
            )
        case .alterCollection(let record):
            let options = OptionsCoding.encode(record.options)
            do throws(SQLiteConnection.Failure) {
                let statement = try writer.statement(
                    "UPDATE collections SET options = ?2 WHERE number = ?1"
                )
                statement.bind(record.number, at: 1)
                statement.bind(OptionsCoding.encode(rowOf: record), at: 2)
                try statement.run()
            } catch {
                throw error.asLodestoneError(context: nil)
            }
            var log = LogRow(
                sequenceNumber: sequenceNumber,
                collection: record.number,
                kind: .alterCollection
            )
            log.detail = options
            return (log, nothing)
        case .dropCollection(let number):
            writer.forgetStatements(mentioning: "_\(number)")
            try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
                try forgetKeptLog(ofDropped: number)
            }
            try run("DELETE FROM collections WHERE number = \(number)")
            try run(Schema.dropCollection(number))
            return (
                LogRow(
                    sequenceNumber: sequenceNumber,
                    collection: number,
                    kind: .dropCollection
                ), nothing
            )
        case .rows(let change):
            return try write(change, sequenceNumber: sequenceNumber)
        }
    }

    private func write(_ change: RowChange, sequenceNumber: UInt64) throws(LodestoneError)
        -> (LogRow, CommittedBatch)
    {
        var log = LogRow(
            sequenceNumber: sequenceNumber,
            collection: change.collection,
            kind: .rows
        )
        log.firstRow = change.firstRow
        log.rowCount = change.rows.count
        var outcome = CommittedBatch(sequenceNumber: sequenceNumber)
        if !change.vectors.isEmpty {
            Failpoint.reach(.commitBeforeVectors)
            let location = try segments.append(
                change.vectors,
                of: change.collection,
                dimension: change.dimension
            )
            Failpoint.reach(.commitAfterVectors)
            log.vectorCount = change.vectors.count / change.dimension
            log.segment = location.segment.index
            log.offset = location.offset
            log.vectorSum = change.vectorChecksum
            outcome.vectors = try location.segment.run(
                at: location.offset,
                count: log.vectorCount,
                dimension: change.dimension,
                firstRow: change.firstRow
            )
        }
        let table = table(change)
        var hubs: [DocumentID: HubNumber] = [:]
        for row in change.removed {
            let (text, hub) = try table.remove(row)
            outcome.removedTexts.append(text)
            if let hub { hubs[hub.id] = hub.number }
        }
        var changed: [RowID] = []
        var hubEdges: [LoggedEdges] = []
        let dropped = Set(change.dropped)
        for edges in change.edgeChanges {
            if try Planted.postpones(edges, dropped, in: table, &hubEdges) { continue }
            switch try table.changeEdges(edges, dropped) {
            case .none: break
            case .row:
                // Edges to dropped documents need no entry: a replay of the log removes them with
                // the documents.
                if !edges.added.isEmpty || !edges.removed.isEmpty { changed.append(edges.row) }
            case .moved(let all):
                let added = all.map { (EdgeName($0), $0.weight) }
                hubEdges.append(LoggedEdges(row: edges.row, isWhole: true, added: added))
            case .hub:
                let logged = Self.logged(edges, dropped)
                if !logged.removed.isEmpty || !logged.added.isEmpty { hubEdges.append(logged) }
            }
        }
        try table.insert(change.rows, from: change.firstRow, words: change.words?.added, &hubs)
        for hub in hubs.values { try table.hubs.removeAll(of: hub) }
        log.detail = detail(
            of: change,
            changed: changed,
            removedTexts: change.words == nil ? outcome.removedTexts : [],
            hubEdges: hubEdges
        )
        return (log, outcome)
    }

    func table(_ change: RowChange) -> RowTable {
        RowTable(
            collection: change.collection,
            connection: writer,
            words: change.words.map { WordMaker(analysis, $0.options) },
            room: edgesInRow
        )
    }

    static func logged(_ change: EdgeChange, _ dropped: Set<DocumentID>) -> LoggedEdges {
        LoggedEdges(
            row: change.row,
            removed: change.removed.filter { !dropped.contains($0.target) },
            added: change.added.map { (EdgeName($0), $0.weight) }
        )
    }

    private func detail(
        of change: RowChange,
        changed: [RowID],
        removedTexts: [[TextField]],
        hubEdges: [LoggedEdges]
    ) -> [UInt8] {
        var detail = ByteWriter()
        detail.append(varint: UInt64(change.removed.count))
        for row in change.removed { detail.append(varint: UInt64(row)) }
        detail.append(varint: UInt64(changed.count))
        for row in changed { detail.append(varint: UInt64(row)) }
        detail.append(varint: UInt64(change.dropped.count))
        for id in change.dropped { detail.append(string: id.string) }
        detail.append(varint: 0)
        detail.append(varint: UInt64(removedTexts.count))
        for fields in removedTexts { detail.append(fields) }
        if !hubEdges.isEmpty { LoggedEdgesCoding.encode(hubEdges, to: &detail) }
        return detail.bytes
    }

    func remember(_ batch: StoredBatch, sequenceNumber: UInt64)
        throws(SQLiteConnection.Failure)
    {
        guard let requestID = batch.requestID else { return }
        let statement = try writer.statement(
            """
            INSERT INTO requests(id, seq, fingerprint, inserted, replaced, dropped, time)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, unixepoch())
            """
        )
        statement.bind(requestID.bytes, at: 1)
        statement.bind(sequenceNumber, at: 2)
        statement.bind(Int64(bitPattern: batch.fingerprint), at: 3)
        statement.bind(batch.inserted, at: 4)
        statement.bind(batch.replaced, at: 5)
        statement.bind(batch.dropped, at: 6)
        try statement.run()
    }

    /// Deletes request ids that are too old to be repeated, once per `batchesPerForgetting`
    /// batches.
    private func forgetRequests(before sequence: UInt64) throws(SQLiteConnection.Failure) {
        guard sequence > Self.keptRequests, sequence % Self.batchesPerForgetting == 0 else {
            return
        }
        let statement = try writer.statement(
            "DELETE FROM requests WHERE seq <= ?1 AND time < unixepoch() - ?2"
        )
        statement.bind(sequence - UInt64(Self.keptRequests), at: 1)
        statement.bind(Self.keptRequestSeconds, at: 2)
        try statement.run()
    }

    private func run(_ sql: String) throws(LodestoneError) {
        try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            try writer.execute(sql)
        }
    }

    /// Rolls back the open transaction, if SQLite has not already done so after an error.
    func rollBack() {
        if sqlite3_get_autocommit(writer.handle) == 0 { try? writer.execute("ROLLBACK") }
    }
}

extension StoredBatch {
    fileprivate var addsDocuments: Bool {
        if case .rows(let change) = change { !change.rows.isEmpty } else { false }
    }
}
