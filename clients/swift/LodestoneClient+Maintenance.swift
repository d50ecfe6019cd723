// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneWire

extension LodestoneClient {
    /// Erases dropped and replaced documents from all files of the server's store.
    ///
    /// Afterwards no file of the store has documents any more that were dropped or replaced before
    /// the call; snapshots stay as they are.
    ///
    /// Writes wait while the database is written again.
    ///
    /// - Parameters:
    ///   - collection: The collection of the documents; `nil` for all collections.
    ///   - deadline: At most a day.
    /// - Returns: How much no file has any more, and the snapshots that may have it.
    /// - Throws: `.notFound`; `.resourceExhausted` when other maintenance is under way. Then, and
    ///   when the call ends early, nothing is promised.
    @discardableResult
    public func erase(_ collection: String? = nil, deadline: Duration = Limits.maxBuildTime)
        async throws(LodestoneError) -> EraseReceipt
    {
        try await perform(.erase(collection: collection), deadline: deadline) { reply in
            if case .erased(let receipt) = reply { receipt } else { nil }
        }
    }

    /// Reads a part of a snapshot's file.
    ///
    /// The parts from 0 on, until there are `byteCount` bytes, are the file. A file that was
    /// fetched in part can be continued if its first bytes are still the same: another snapshot may
    /// have got its name.
    ///
    /// - Parameters:
    ///   - name: The name of the snapshot on the server.
    ///   - offset: Where the part begins, in bytes.
    ///   - maxBytes: 1 to `SnapshotPart.maxByteCount`.
    ///   - deadline: `nil`: the configuration's deadline.
    /// - Returns: At most `maxBytes` bytes; none at the end of the file.
    /// - Throws: `.notFound`; `.invalidArgument` for an offset beyond the file's end.
    public func fetchSnapshot(
        _ name: String,
        from offset: UInt64 = 0,
        maxBytes: Int = SnapshotPart.standardByteCount,
        deadline: Duration? = nil
    ) async throws(LodestoneError) -> SnapshotPart {
        let call = Call.fetchSnapshot(name: name, offset: offset, maxBytes: maxBytes)
        return try await perform(call, deadline: deadline) { reply in
            if case .snapshotPart(let part) = reply { part } else { nil }
        }
    }

    /// Removes a snapshot on the server; a name that no snapshot has is no error.
    public func deleteSnapshot(_ name: String) async throws(LodestoneError) {
        _ = try await perform(.deleteSnapshot(name: name)) { reply in
            if case .done(let sequenceNumber) = reply { sequenceNumber } else { nil }
        }
    }
}
