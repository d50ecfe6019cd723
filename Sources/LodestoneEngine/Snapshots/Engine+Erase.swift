// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneStorage

/// Erasing what was dropped or replaced, beyond what is needed to find no more of it.
extension Engine {
    /// Makes sure that no file of the store has documents any more that were dropped or replaced
    /// before the call, nor what is left of dropped collections.
    ///
    /// The bases and segments of the collection are made again without them; so is the database, of
    /// all collections, for which writes wait. Snapshots stay as they are: the receipt names those
    /// that may have them.
    ///
    /// - Parameters:
    ///   - collection: Whose documents; `nil` for those of all.
    ///   - context: Until when it is wanted. Readers of an old state are waited for.
    /// - Returns: What no file has any more, and the snapshots.
    /// - Throws: `.notFound`; `.cancelled` or `.deadlineExceeded`, without any promise;
    ///   `.resourceExhausted` when other maintenance is under way or the disk is full.
    package func erase(_ collection: String?, context: CallContext) throws(LodestoneError)
        -> EraseReceipt
    {
        try store.refuseIfReadOnly()
        let named = try collection.map { (name) throws(LodestoneError) in
            try self.collection(named: name, context)
        }
        return try maintain { () throws(LodestoneError) in
            // One that another process began before would be missing from the receipt.
            try store.withoutSnapshotting { () throws(LodestoneError) in
                try erase(named, context)
            }
        }
    }

    private func erase(_ collection: Collection?, _ context: CallContext) throws(LodestoneError)
        -> EraseReceipt
    {
        try registry.catchUp()
        let erased = registry.sequenceNumber
        if let collection {
            try eraseGarbage(of: collection, context)
        } else {
            for record in registry.catalog {
                // One after the other: closed ones are opened for it.
                guard let collection = try registry.get(record.number, for: context) else {
                    continue
                }
                try eraseGarbage(of: collection, context)
            }
        }
        _ = try store.eraseFreed(context: context)
        let snapshots = try store.snapshots(context: context).map(\.name)
        return EraseReceipt(sequenceNumber: erased, snapshots: snapshots)
    }

    /// Makes base and segments of a collection without rows that are gone.
    private func eraseGarbage(of collection: Collection, _ context: CallContext)
        throws(LodestoneError)
    {
        do throws(LodestoneError) {
            try compactor.pausing(collection, context) { () throws(LodestoneError) in
                _ = try compactor.fold(collection, context: context, movesAllGarbage: true)
            }
        } catch {
            // Dropped meanwhile, with all its files.
            guard collection.isDropped else { throw error }
        }
    }
}

extension Engine {
    /// Makes sure that no file of the store has documents any more that were dropped or replaced
    /// before the call; snapshots stay as they are.
    ///
    /// - Parameters:
    ///   - collection: Whose documents; `nil` for those of all collections.
    ///   - timeout: How long it may take.
    /// - Returns: What no file has any more, and the snapshots that may have it.
    /// - Throws: `.notFound`; `.cancelled` or `.deadlineExceeded`, without any promise;
    ///   `.resourceExhausted` when other maintenance is under way or the disk is full.
    @discardableResult
    public func erase(_ collection: String? = nil, timeout: Duration = Limits.maxBuildTime)
        async throws(LodestoneError) -> EraseReceipt
    {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.erase(collection, context: context)
        }
    }
}
