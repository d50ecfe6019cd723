// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore

extension LodestoneClient {
    /// Has the server make sure that no file of its store has documents any more that were dropped
    /// or replaced before the call; snapshots stay as they are.
    ///
    /// Writes wait while the database is written again.
    ///
    /// - Parameters:
    ///   - collection: Whose documents; `nil` for those of all collections.
    ///   - deadline: At most a day.
    /// - Returns: What no file has any more, and the snapshots that may have it.
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

    /// Has the server remove a snapshot; it is no error when there is none of that name any more.
    public func deleteSnapshot(_ name: String) async throws(LodestoneError) {
        _ = try await perform(.deleteSnapshot(name: name)) { reply in
            if case .done(let sequenceNumber) = reply { sequenceNumber } else { nil }
        }
    }
}
