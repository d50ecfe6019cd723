// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneFiles
import LodestoneStorage
import LodestoneStructures
import LodestoneSystem
import Synchronization

/// The steps of a compaction; their caller has the right to compact the collection.
extension Compactor {
    /// Switches to a newer base that another process has written.
    ///
    /// The memory map of the earlier base can then be released.
    ///
    /// - Returns: Whether this process switched, and the changes after the newer base need no
    ///   compaction.
    func adoptNewerBase(of collection: Collection) throws(LodestoneError) -> Bool {
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        guard let stored = try reader.base(of: collection.number),
            stored.sequenceNumber > collection.version.baseSequenceNumber
        else { return false }
        try catalog.reload(collection)
        return !policy.isUrgent(collection.version) && !policy.isWorthwhile(collection.version)
    }

    /// Runs `body` while no thread of any process compacts a collection.
    ///
    /// The collection's base and segments are not replaced meanwhile.
    func pausing<T>(
        _ collection: Collection,
        _ context: CallContext,
        _ body: () throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T {
        while true {
            if let done = try store.compacting(collection.number, body) { return done }
            try context.check()
            usleep(1_000)
        }
    }

    /// Writes a collection's version as a new base, including the vector index of its strategy.
    ///
    /// Runs inside `pausing` or `compacting`.
    ///
    /// - Throws: `.cancelled` or `.deadlineExceeded`; the new base is then not in use.
    @discardableResult
    func compactExclusively(
        _ collection: Collection,
        context: CallContext,
        movesAllGarbage: Bool = false
    ) throws(LodestoneError) -> UInt64 {
        while true {
            try context.check()
            collection.progress.begin(for: context)
            do throws(LodestoneError) {
                let (sequenceNumber, strategy) = try writeBase(of: collection, movesAllGarbage)
                collection.progress.finish(strategy)
                return sequenceNumber
            } catch {
                collection.progress.fail(error)
                guard error == .strategyChanged else { throw error }
            }
        }
    }

    private func writeBase(of collection: Collection, _ movesAllGarbage: Bool)
        throws(LodestoneError) -> (sequenceNumber: UInt64, strategy: VectorIndexStrategy)
    {
        guard !collection.isDropped else { throw .noCollection(collection.name) }
        let number = collection.number
        try catalog.catchUp()
        _ = try catalog.undamaged(collection)
        try catalog.fillIndexes(of: collection) { () throws(LodestoneError) in
            try collection.progress.check()
        }
        var version = collection.beginBuffering()
        defer { collection.endBuffering() }
        Planted.forgetTombstones(of: &version)
        let sequenceNumber = version.sequenceNumber
        let path = store.basePath(of: number, sequenceNumber: sequenceNumber)
        let vertices = try version.writeBase(of: number, to: path, work(on: collection, version))
        writtenBytes.add(Int(clamping: FileSystem.byteCount(path)), ordering: .relaxed)
        try collection.progress.check()
        let rows = try version.liveRows(path)
        Failpoint.reach(.compactionBeforePointer)
        try store.adoptBase(
            of: number,
            sequenceNumber: sequenceNumber,
            garbageBytes: movesAllGarbage ? nil : Failpoint.smaller(policy.minimumGarbageBytes)
        ) { rows.contains($0) }
        Failpoint.reach(.compactionAfterPointer)
        try catalog.takeOver(collection, from: version, vertices: vertices)
        try store.reclaimSpace()
        return (sequenceNumber, version.options.vectorStrategy)
    }

    /// The work that builds a collection's index: all cores, progress reports, and an early end.
    private func work(on collection: Collection, _ version: CollectionVersion) -> IndexWork {
        let progress = collection.progress
        let ids = version.ids
        return IndexWork(
            threads: Processors.count,
            check: { () throws(LodestoneError) in try progress.check() },
            exists: { ids.contains($0) },
            onProgress: { done, total in progress.report(total: total, done: done) }
        )
    }
}
