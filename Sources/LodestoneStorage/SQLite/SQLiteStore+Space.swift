// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CSQLite
package import LodestoneCore
import LodestoneFiles

/// Giving back the space of vectors whose rows are gone.
///
/// Segments are only appended to, so such vectors stay until a compaction writes those that are
/// left together into new segments. The order survives a crash anywhere: the new segments are
/// durable before the transaction that points to the new base points to them, too; the old ones are
/// removed after it, under the lock, when neither a base nor the log after it names them. What a
/// crash leaves behind is removed when the store is opened, or by the next compaction.
///
/// A process that has an old segment open reads on in it. One that has not, and finds it gone, is
/// told by `VECTORS_MOVED` that its state is not the latest. One that would append to it notices,
/// under the lock, that the file has lost its name.
extension SQLiteStore {
    /// Moves the vectors that are left in segments of which much is garbage, and has the base
    /// point to them.
    ///
    /// - Returns: The new segments, durable, and not in use yet.
    func moveVectors(
        of record: inout BaseRecord,
        garbageBytes: Int?,
        isLive: (RowNumber) -> Bool
    ) throws(LodestoneError) -> [VectorSegment] {
        guard record.dimension > 0 else { return [] }
        var use = SegmentUse()
        let vectorBytes = record.dimension * MemoryLayout<Float>.stride
        for run in record.runs.runs {
            let live = try run.rows(in: segments, of: record).count(where: isLive)
            use.add(run, liveBytes: live * vectorBytes, vectorBytes: vectorBytes)
        }
        try addLogged(to: &use, after: record)
        let old = use.worthMoving(garbageBytes: garbageBytes)
        if old.isEmpty { return [] }
        let collection = record.collection
        let dimension = record.dimension
        var mover = VectorMover(dimension: dimension) { (byteCount) throws(LodestoneError) in
            // Under the lock, so that nobody else takes the same index.
            try self.exclusively { (_) throws(LodestoneError) in
                try self.segments.create(
                    for: collection,
                    dimension: dimension,
                    byteCount: byteCount
                )
            }
        }
        do throws(LodestoneError) {
            for run in record.runs.runs {
                if old.contains(run.segment) {
                    let segment = try segments.segment(
                        run.segment,
                        of: collection,
                        dimension: dimension
                    )
                    try mover.move(try segment.run(run, dimension: dimension), isLive: isLive)
                } else {
                    try mover.keep(run)
                }
            }
            // The last segment can only be removed when another segment follows it.
            let needsSuccessor = segments.indices(of: collection).max().map(old.contains) ?? false
            try mover.finish(needsSegment: needsSuccessor)
        } catch {
            // Nothing points to them yet.
            segments.remove(mover.made.map(\.index), of: collection)
            // What is damaged must not get a new checksum; a full disk is not filled further.
            guard garbageBytes != nil,
                error.code == .dataLoss || error.code == .resourceExhausted
            else { throw error }
            return []
        }
        FaultPoint.reach("compaction.after-vectors")
        record.runs = RunTable(mover.runs)
        return mover.made
    }

    package func shortenWriteAheadLog() throws(LodestoneError) -> Bool {
        if isWriteAheadLogShort { return true }
        // The caller asks again, and must not wait for a stopped process meanwhile.
        try lock?.ifFree { () throws(LodestoneError) in
            try refuseIfClosed()
            checkpoint(SQLITE_CHECKPOINT_TRUNCATE)
        }
        return isWriteAheadLogShort
    }

    private var isWriteAheadLogShort: Bool {
        FileSystem.byteCount(databasePath + "-wal") <= UInt64(Self.checkpointBytes / 4)
    }

    /// Counts the vectors that the log names after a base.
    private func addLogged(to use: inout SegmentUse, after record: BaseRecord)
        throws(LodestoneError)
    {
        let reader = try beginReading()
        defer { reader.end() }
        let places = try reader.vectorPlaces(of: record.collection, after: record.sequenceNumber)
        let vectorBytes = record.dimension * MemoryLayout<Float>.stride
        for place in places {
            use.add(
                place.segment,
                liveBytes: place.count * vectorBytes,
                end: place.offset + place.count * vectorBytes
            )
        }
    }

    /// Removes the segments of a collection that neither its base nor the log after it names.
    ///
    /// Inside `exclusively`, after a commit: a transaction in doubt can't come back then.
    func removeUnneededSegments(of collection: CollectionNumber) throws(LodestoneError) {
        let unneeded = try unneededSegments(of: collection)
        segments.remove(unneeded, of: collection)
    }

    private func unneededSegments(of collection: CollectionNumber) throws(LodestoneError)
        -> [UInt32]
    {
        let reader = try beginReading()
        defer { reader.end() }
        return segments.unneeded(of: collection, named: try reader.namedSegments(of: collection))
    }

    /// Removes what compactions have left behind that ended before their end, while nothing
    /// is compacted.
    func removeForgottenSegments() throws(LodestoneError) {
        try exclusively { (_) throws(LodestoneError) in
            let read = try beginRead(context: nil)
            let collections = Result { () throws(LodestoneError) in
                try read.collections().map(\.number)
            }
            read.end()
            var isSettled = false
            // Each is a look at the store: thousands of collections have nothing to remove.
            let several = segments.collectionsWithSeveral()
            for collection in try collections.get() where several.contains(collection) {
                guard try !unneededSegments(of: collection).isEmpty else { continue }
                if !isSettled {
                    // A transaction of a process that was killed may be in doubt. Any commit over
                    // it settles that.
                    try transaction { () throws(SQLiteConnection.Failure) in
                        try writer.execute(
                            "INSERT OR REPLACE INTO meta(key, value) VALUES('settled', \(lastSequence))"
                        )
                    }
                    isSettled = true
                }
                try removeUnneededSegments(of: collection)
            }
        }
    }

    /// Whether the latest state needs a segment.
    func names(_ index: UInt32, of collection: CollectionNumber) throws(LodestoneError) -> Bool {
        let reader = try beginReading()
        defer { reader.end() }
        return try reader.namedSegments(of: collection).contains(index)
    }
}

extension SQLiteReader {
    /// Where the log after a sequence number puts the vectors of a collection.
    func vectorPlaces(of collection: CollectionNumber, after sequenceNumber: UInt64)
        throws(LodestoneError) -> [(segment: UInt32, offset: Int, count: Int)]
    {
        try SQLiteConnection.orFail(context) {
            () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                """
                SELECT segment, offset, vector_count FROM log
                WHERE collection = ?1 AND seq > ?2 AND vector_count > 0
                """
            )
            defer { statement.reset() }
            statement.bind(collection, at: 1)
            statement.bind(sequenceNumber, at: 2)
            var places: [(segment: UInt32, offset: Int, count: Int)] = []
            while try statement.step() {
                places.append(
                    (
                        UInt32(truncatingIfNeeded: statement.int(at: 0)),
                        Int(statement.int(at: 1)), Int(statement.int(at: 2))
                    )
                )
            }
            return places
        }
    }

    /// The segments that the base of a collection, or the log after it, names.
    func namedSegments(of collection: CollectionNumber) throws(LodestoneError) -> Set<UInt32> {
        guard try record(of: collection) != nil else { return [] }
        let base = try baseRecord(of: collection)
        let logged = try vectorPlaces(of: collection, after: base?.sequenceNumber ?? 0)
        return Set(logged.map(\.segment)).union((base?.runs.runs ?? []).map(\.segment))
    }
}

/// How much of each segment is still needed.
struct SegmentUse {
    /// Vectors are moved when so many percent of a collection's bytes are garbage.
    static let garbagePercent = 30

    private var segments: [UInt32: (live: Int, end: Int)] = [:]

    mutating func add(_ run: RunTable.Run, liveBytes: Int, vectorBytes: Int) {
        let byteCount = run.byteCount(vectorBytes: vectorBytes)
        // The numbers of rows in a run count as live as long as all its rows are.
        let numbers = byteCount - run.count * vectorBytes
        let isWhole = liveBytes == run.count * vectorBytes
        add(
            run.segment,
            liveBytes: liveBytes + (isWhole ? numbers : 0),
            end: run.offset + byteCount
        )
    }

    mutating func add(_ segment: UInt32, liveBytes: Int, end: Int) {
        let old = segments[segment] ?? (0, VectorSegment.headerByteCount)
        segments[segment] = (old.live + liveBytes, max(old.end, end))
    }

    /// The segments whose vectors should be moved; none while the collection has little garbage,
    /// unless all has to go.
    func worthMoving(garbageBytes: Int?) -> Set<UInt32> {
        guard let garbageBytes else {
            return Set(
                segments.filter { $1.live + VectorSegment.headerByteCount < $1.end }.keys
            )
        }
        let all = segments.values
        let total = all.reduce(0) { $0 + $1.end }
        let garbage = all.reduce(0) { $0 + $1.end - $1.live - VectorSegment.headerByteCount }
        guard garbage > garbageBytes, garbage * 100 >= total * Self.garbagePercent else {
            return []
        }
        return Set(
            segments.filter { _, use in
                (use.end - use.live - VectorSegment.headerByteCount) * 100
                    >= use.end * Self.garbagePercent
            }.keys
        )
    }
}

extension RunTable.Run {
    /// The rows of a run's vectors.
    fileprivate func rows(in segments: SegmentSet, of record: BaseRecord) throws(LodestoneError)
        -> [RowNumber]
    {
        if !isSparse { return (0..<RowNumber(count)).map { firstRow + $0 } }
        let run = try segments.segment(segment, of: record.collection, dimension: record.dimension)
            .run(self, dimension: record.dimension)
        return run.rows.map { Array($0.elements(0..<count)) } ?? []
    }
}
