// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CSQLite
package import LodestoneCore
import LodestoneFiles
import LodestoneStructures

/// Segment compaction: it frees the space of vectors whose rows were removed.
///
/// Segments are append-only, so dead vectors stay until a compaction writes the live ones of
/// several segments into new segments. The order survives a crash at any point. First the new
/// segments become durable. Then one transaction points to the new base and to these segments.
/// Then, under the lock, the old segments are removed if neither a base nor the log after it names
/// them. Files that a crash leaves behind are removed when the store is opened, or by the next
/// compaction.
///
/// A process that has an old segment open can still read it. A process that finds the segment
/// removed gets `VECTORS_MOVED`: its state is not the latest. A process that would append to it
/// notices, under the lock, that the file has no name any more.
extension SQLiteStore {
    /// Moves the live vectors out of segments with much garbage, and changes the base's record to
    /// match.
    ///
    /// - Returns: The new segments, durable and not yet in use.
    func moveVectors(
        of record: inout BaseRecord,
        garbageBytes: Int?,
        isLive: (RowID) -> Bool
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
        var mover = SegmentCompactor(dimension: dimension) { (byteCount) throws(LodestoneError) in
            // The lock ensures that no other process takes the same index.
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
            // No base points to these segments yet.
            segments.remove(mover.made.map(\.index), of: collection)
            // Damaged vectors must not get a new checksum, and a full disk is not filled further.
            guard garbageBytes != nil,
                error.code == .dataLoss || error.code == .resourceExhausted
            else { throw error }
            return []
        }
        Failpoint.reach(.compactionAfterVectors)
        record.runs = VectorExtents(mover.runs)
        return mover.made
    }

    package func shortenWriteAheadLog() throws(LodestoneError) -> Bool {
        if isWriteAheadLogShort { return true }
        // The caller calls again later, so it does not wait here for a process that may have been
        // stopped.
        try lock?.ifFree { () throws(LodestoneError) in
            try refuseIfClosed()
            checkpoint(SQLITE_CHECKPOINT_TRUNCATE)
        }
        return isWriteAheadLogShort
    }

    private var isWriteAheadLogShort: Bool {
        FileSystem.byteCount(databasePath + "-wal") <= UInt64(Self.checkpointBytes / 4)
    }

    /// Counts the vectors that the log names after the base.
    private func addLogged(to use: inout SegmentUse, after record: BaseRecord)
        throws(LodestoneError)
    {
        let reader = try beginReading()
        defer { reader.end() }
        let locations = try reader.vectorLocations(
            of: record.collection,
            after: record.sequenceNumber
        )
        let vectorBytes = record.dimension * MemoryLayout<Float>.stride
        for location in locations {
            use.add(
                location.segment,
                liveBytes: location.count * vectorBytes,
                end: location.offset + location.count * vectorBytes
            )
        }
    }

    /// Removes the segments of a collection that neither its base nor the log after it names.
    ///
    /// Call it inside `exclusively`, after a commit: no earlier transaction is then in doubt.
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

    /// Removes the segments that interrupted compactions have left, while no compaction runs.
    func removeForgottenSegments() throws(LodestoneError) {
        try exclusively { (_) throws(LodestoneError) in
            let read = try beginRead(context: nil)
            let collections = Result { () throws(LodestoneError) in
                try read.collections().map(\.number)
            }
            read.end()
            var isSettled = false
            // Each check reads the store, so collections with one segment are skipped: nothing can
            // be removed.
            let several = segments.collectionsWithSeveral()
            for collection in try collections.get() where several.contains(collection) {
                guard try !unneededSegments(of: collection).isEmpty else { continue }
                if !isSettled {
                    // A killed process may have left a transaction in doubt. Any commit after it
                    // settles that.
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

    /// Whether the latest state names a segment.
    func names(_ index: UInt32, of collection: CollectionNumber) throws(LodestoneError) -> Bool {
        let reader = try beginReading()
        defer { reader.end() }
        return try reader.namedSegments(of: collection).contains(index)
    }
}

extension SQLiteReader {
    /// The locations of a collection's vectors in the log after a sequence number.
    func vectorLocations(of collection: CollectionNumber, after sequenceNumber: UInt64)
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
            var locations: [(segment: UInt32, offset: Int, count: Int)] = []
            while try statement.step() {
                locations.append(
                    (
                        UInt32(truncatingIfNeeded: statement.int(at: 0)),
                        Int(statement.int(at: 1)), Int(statement.int(at: 2))
                    )
                )
            }
            return locations
        }
    }

    /// The segments that the base of a collection, or the log after it, names.
    func namedSegments(of collection: CollectionNumber) throws(LodestoneError) -> Set<UInt32> {
        guard try record(of: collection) != nil else { return [] }
        let base = try baseRecord(of: collection)
        let logged = try vectorLocations(of: collection, after: base?.sequenceNumber ?? 0)
        return Set(logged.map(\.segment)).union((base?.runs.runs ?? []).map(\.segment))
    }
}

/// The live bytes of each segment.
struct SegmentUse {
    /// Vectors are moved when this percentage of a collection's bytes is garbage.
    static let garbagePercent = 30

    private var segments: [UInt32: (live: Int, end: Int)] = [:]

    mutating func add(_ run: VectorExtents.Run, liveBytes: Int, vectorBytes: Int) {
        let byteCount = run.byteCount(vectorBytes: vectorBytes)
        // The row ids of a run count as live only while all its vectors are live.
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

    /// The segments whose live vectors should be moved.
    ///
    /// With `garbageBytes` there are none while the collection has less garbage. With `nil` the
    /// result has every segment with garbage.
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

extension VectorExtents.Run {
    /// The rows of a run's vectors.
    fileprivate func rows(in segments: SegmentSet, of record: BaseRecord) throws(LodestoneError)
        -> [RowID]
    {
        if !isSparse { return (0..<count).map { firstRow + $0 } }
        let run = try segments.segment(segment, of: record.collection, dimension: record.dimension)
            .run(self, dimension: record.dimension)
        return run.rows.map { Array($0.elements(0..<count)) } ?? []
    }
}
