// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneWire

extension LodestoneClient {
    /// Erases dropped and replaced documents from all files of the server's store.
    ///
    /// Afterwards no file of the store has documents that were dropped or replaced before the call.
    /// Snapshots don't change.
    ///
    /// Writes wait while the database is rewritten.
    ///
    /// - Parameters:
    ///   - collection: The collection of the documents; `nil` for all collections.
    ///   - deadline: At most a day.
    /// - Returns: The sequence number up to which the erasure is complete, and the snapshots that
    ///   may still have erased documents.
    /// - Throws: `.notFound`; `.resourceExhausted` when other maintenance is running. After any
    ///   error, nothing is guaranteed.
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
    /// The file is the parts from offset 0 on, until there are `byteCount` bytes. An incomplete
    /// file can be continued if the first bytes are still the same, because another snapshot may
    /// have taken the name.
    ///
    /// - Parameters:
    ///   - name: The name of the snapshot on the server.
    ///   - offset: The start of the part in bytes.
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

    /// Removes a snapshot on the server; a name without a snapshot is no error.
    public func deleteSnapshot(_ name: String) async throws(LodestoneError) {
        _ = try await perform(.deleteSnapshot(name: name)) { reply in
            if case .done(let sequenceNumber) = reply { sequenceNumber } else { nil }
        }
    }
}
