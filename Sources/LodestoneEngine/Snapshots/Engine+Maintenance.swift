// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneStorage

/// Long work on the whole store, while it is read and written: one at a time.
///
/// Threading: each call blocks its thread for as long as it takes; give it one of its own.
extension Engine {
    /// Writes a snapshot of the present state into the store's directory.
    ///
    /// - Throws: `.alreadyExists`, `.invalidArgument` for a bad name, `.resourceExhausted` when
    ///   other maintenance is under way or the disk is full.
    package func createSnapshot(_ name: String, context: CallContext) throws(LodestoneError)
        -> SnapshotDescription
    {
        try maintain { () throws(LodestoneError) in
            try store.createSnapshot(name, context: context)
        }
    }

    /// The snapshots in the store's directory, by name.
    package func snapshots(context: CallContext) throws(LodestoneError) -> [SnapshotDescription] {
        try store.snapshots(context: context)
    }

    /// Compares everything that is stored twice, or with a checksum, anew.
    ///
    /// Each collection is looked at in one state of its own; writes go on. What is derived and
    /// wrong is made anew where it can be.
    package func verify(context: CallContext) throws(LodestoneError) -> VerifyReport {
        try maintain { () throws(LodestoneError) in
            var report = try verifyLog(context: context)
            for collection in registry.all {
                try verify(collection, &report, context: context)
            }
            return report
        }
    }

    private func verifyLog(context: CallContext) throws(LodestoneError) -> VerifyReport {
        let reader = try store.beginRead(context: context)
        defer { reader.end() }
        var report = VerifyReport(sequenceNumber: reader.sequenceNumber)
        try reader.verifyLog(&report)
        return report
    }

    private func verify(
        _ collection: Collection,
        _ report: inout VerifyReport,
        context: CallContext
    ) throws(LodestoneError) {
        var found = report
        try ReadView.with(
            collection,
            registry: registry,
            needsRows: true,
            context: context
        ) { (view) throws(LodestoneError) in
            // The view may be asked again, when it turns out to be damaged.
            found = report
            guard let rows = view.rows,
                // Dropped meanwhile: there is nothing left to look at.
                try rows.collections().contains(where: { $0.number == collection.record.number })
            else { return }
            found.sequenceNumber = max(found.sequenceNumber, rows.sequenceNumber)
            let damageCount = found.damageCount
            var memory = MemoryCheck(view)
            try rows.verify(collection.record, &found) { memory.take($0) }
            // Damaged rows are missing from the counts anyway.
            memory.finish(&found, countsRows: found.damageCount == damageCount)
        }
        report = found
    }

    private func maintain<T>(_ body: () throws(LodestoneError) -> T) throws(LodestoneError) -> T {
        guard !isMaintaining.exchange(true, ordering: .acquiring) else { throw .maintenanceRuns }
        defer { isMaintaining.store(false, ordering: .releasing) }
        return try body()
    }
}

extension Engine {
    /// Writes a snapshot of the present state into the store's directory, while writes go on.
    ///
    /// - Parameters:
    ///   - name: 1 to 64 of a-z, 0-9, `_` and `-`.
    ///   - timeout: How long it may take.
    /// - Returns: What was written.
    /// - Throws: `.alreadyExists`, `.invalidArgument` for a bad name, `.resourceExhausted` when
    ///   other maintenance is under way or the disk is full.
    @discardableResult
    public func createSnapshot(
        _ name: String,
        timeout: Duration = Limits.standard.maxDeadline
    ) async throws(LodestoneError) -> SnapshotDescription {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.createSnapshot(name, context: context)
        }
    }

    /// The snapshots in the store's directory, by name.
    public func snapshots() async throws(LodestoneError) -> [SnapshotDescription] {
        try await read(Limits.standard.defaultDeadline) {
            (engine, context) throws(LodestoneError) in
            try engine.snapshots(context: context)
        }
    }

    /// Compares everything that is stored twice, or with a checksum, anew, while writes go on.
    public func verify(timeout: Duration = Limits.standard.maxDeadline)
        async throws(LodestoneError) -> VerifyReport
    {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.verify(context: context)
        }
    }
}
