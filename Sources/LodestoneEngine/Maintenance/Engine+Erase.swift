// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneStorage

/// The erasure of dropped and replaced documents from the files of the store.
extension Engine {
    /// Erases documents that were dropped or replaced before the call, and dropped collections.
    ///
    /// Afterwards no file of the store contains them. The bases and segments of the collection are
    /// rewritten without them. The database of all collections is also rewritten, and writes wait
    /// for that. Snapshots stay as they are; the receipt names those that may contain erased
    /// documents.
    ///
    /// - Parameters:
    ///   - collection: The collection of the documents; `nil` for all collections.
    ///   - context: The call that may end the work. The erasure waits for readers of an old state.
    /// - Returns: The receipt, with the snapshots that may contain erased documents.
    /// - Throws: `.notFound`. `.cancelled` or `.deadlineExceeded`, after which nothing is
    ///   guaranteed. `.resourceExhausted` when other maintenance is running or the disk is full.
    package func erase(_ collection: String?, context: CallContext) throws(LodestoneError)
        -> EraseReceipt
    {
        try context.refuseIfRestricted("an erasure")
        try store.refuseIfReadOnly()
        let named = try collection.map { (name) throws(LodestoneError) in
            try self.collection(named: name, context)
        }
        return try maintain { () throws(LodestoneError) in
            // A snapshot that another process is writing would be missing from the receipt.
            try store.withoutSnapshotting { () throws(LodestoneError) in
                try erase(named, context)
            }
        }
    }

    private func erase(_ collection: Collection?, _ context: CallContext) throws(LodestoneError)
        -> EraseReceipt
    {
        try catalog.catchUp()
        let erased = catalog.sequenceNumber
        if let collection {
            try eraseGarbage(of: collection, context)
        } else {
            for record in catalog.records {
                // Collections are erased one by one, because each closed one must be opened.
                guard let collection = try catalog.get(record.number, for: context) else {
                    continue
                }
                try eraseGarbage(of: collection, context)
            }
        }
        _ = try store.eraseFreed(context: context)
        let snapshots = try store.snapshots(context: context).map(\.name)
        return EraseReceipt(sequenceNumber: erased, snapshots: snapshots)
    }

    /// Rewrites the base and the segments of a collection without removed rows.
    private func eraseGarbage(of collection: Collection, _ context: CallContext)
        throws(LodestoneError)
    {
        do throws(LodestoneError) {
            try compactor.pausing(collection, context) { () throws(LodestoneError) in
                _ = try compactor.compactExclusively(
                    collection,
                    context: context,
                    movesAllGarbage: true
                )
            }
        } catch {
            // The collection was dropped meanwhile, with all its files.
            guard collection.isDropped else { throw error }
        }
    }
}

extension Engine {
    /// Erases documents that were dropped or replaced before the call from all files of the store.
    ///
    /// Snapshots stay as they are.
    ///
    /// - Parameters:
    ///   - collection: The collection of the documents; `nil` for all collections.
    ///   - timeout: The longest time that it may take.
    /// - Returns: The receipt, with the snapshots that may contain erased documents.
    /// - Throws: `.notFound`. `.cancelled` or `.deadlineExceeded`, after which nothing is
    ///   guaranteed. `.resourceExhausted` when other maintenance is running or the disk is full.
    @discardableResult
    public func erase(_ collection: String? = nil, timeout: Duration = Limits.maxBuildTime)
        async throws(LodestoneError) -> EraseReceipt
    {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.erase(collection, context: context)
        }
    }
}
