// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneStorage
import LodestoneText

/// Long work on the whole store; reads and writes continue, and one such call runs at a time.
///
/// Threading: each call blocks its thread until it is done; call it on a thread of its own.
extension Engine {
    /// Writes a snapshot of the current state into the store's directory.
    ///
    /// - Throws: `.alreadyExists`, `.invalidArgument` for a bad name, `.resourceExhausted` when
    ///   other maintenance is running or the disk is full.
    package func createSnapshot(_ name: String, context: CallContext) throws(LodestoneError)
        -> SnapshotDescription
    {
        try context.refuseIfRestricted("a snapshot")
        try store.refuseIfReadOnly()
        return try maintain { () throws(LodestoneError) in
            try store.createSnapshot(name, context: context)
        }
    }

    /// The snapshots in the store's directory, in the order of their names.
    package func snapshots(context: CallContext) throws(LodestoneError) -> [SnapshotDescription] {
        try context.refuseIfRestricted("a list of snapshots")
        return try store.snapshots(context: context)
    }

    /// Reads a part of a snapshot's file.
    ///
    /// - Parameters:
    ///   - name: The name of the snapshot.
    ///   - offset: The offset of the part.
    ///   - maxBytes: The most bytes, 1 to `SnapshotPart.maxByteCount`.
    ///   - context: The call, which is charged for the reply.
    /// - Returns: The bytes of the part, and the size of the file.
    /// - Throws: `.notFound`; `.invalidArgument` for an offset beyond the file's end, or a
    ///   `maxBytes` out of range.
    package func fetchSnapshot(
        _ name: String,
        at offset: UInt64,
        maxBytes: Int,
        context: CallContext
    ) throws(LodestoneError) -> SnapshotPart {
        try context.refuseIfRestricted("a snapshot")
        guard maxBytes > 0 else {
            throw .invalid(
                .badCount,
                "max_bytes is \(maxBytes).",
                recovery: "Ask for at least one byte.",
                field: "max_bytes"
            )
        }
        guard maxBytes <= SnapshotPart.maxByteCount else {
            throw .limit("max_bytes", maxBytes, SnapshotPart.maxByteCount)
        }
        try context.charge(wire: maxBytes, memory: maxBytes)
        return try store.readSnapshot(name, at: offset, maxBytes: maxBytes)
    }

    /// Removes the snapshot of that name, if there is one.
    package func deleteSnapshot(_ name: String) throws(LodestoneError) {
        try store.refuseIfReadOnly()
        try store.deleteSnapshot(name)
    }

    /// Compares all data that has a checksum, or is stored twice.
    ///
    /// Each collection is checked in its own version; writes continue meanwhile. Wrong derived data
    /// is rebuilt where possible, unless the store is read-only.
    package func verify(context: CallContext) throws(LodestoneError) -> VerifyReport {
        try context.refuseIfRestricted("a verification")
        return try maintain { () throws(LodestoneError) in
            var report = try verifyLog(context: context)
            for record in catalog.records {
                // A collection that was dropped meanwhile is skipped.
                guard let collection = try catalog.get(record.number, for: context) else {
                    continue
                }
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

    /// The kinds of damage to the source of derived data.
    private static let rowKinds: Set = ["row", "database"]

    /// The kinds of damage to derived data.
    private static func derivedKinds(in collection: Collection) -> Set<String> {
        let kinds = CollectionVersion.damageKinds.union(["base"])
        let isInStore = collection.record.options.textStrategy.keepsWordsInStore
        return isInStore ? kinds.subtracting([CollectionText.damageKind]) : kinds
    }

    /// Checks one collection, while it is not compacted, and rebuilds wrong derived data.
    private func verify(
        _ collection: Collection,
        _ report: inout VerifyReport,
        context: CallContext
    ) throws(LodestoneError) {
        report = try compactor.pausing(collection, context) { () throws(LodestoneError) in
            var found = try look(at: collection, report, context: context)
            let kinds = Set(
                found.damages.filter { $0.collection == collection.name }.map(\.kind)
            )
            // Derived data is not rebuilt from damaged rows: that would hide the loss.
            if !kinds.isDisjoint(with: Self.derivedKinds(in: collection)),
                kinds.isDisjoint(with: Self.rowKinds), !store.isReadOnly
            {
                try repair(collection, &found, context: context)
            }
            return found
        }
    }

    /// - Returns: The report with the damages that were found.
    private func look(at collection: Collection, _ report: VerifyReport, context: CallContext)
        throws(LodestoneError) -> VerifyReport
    {
        var found = report
        try ReadView.with(
            collection,
            catalog: catalog,
            needsRows: true,
            context: context
        ) { (view) throws(LodestoneError) in
            // `body` may run again when the view turns out to be damaged.
            found = report
            guard let rows = view.rows,
                // A collection that was dropped meanwhile is skipped.
                try rows.record(of: collection.number) != nil
            else { return }
            found.sequenceNumber = max(found.sequenceNumber, rows.sequenceNumber)
            var base = try baseCheck(view, rows, &found)
            let listed = found.damages.count
            var memory = VersionCheck(view, from: .memory)
            try rows.verify(collection.record, &found) { (row) throws(LodestoneError) in
                try memory.add(row)
                try base?.add(row)
            }
            // Damaged rows are missing from the counts, so the counts are not compared then.
            let countsRows = !found.damages.dropFirst(listed).contains {
                Self.rowKinds.contains($0.kind)
            }
            memory.finish(&found, countsRows: countsRows)
            base?.finish(&found, countsRows: countsRows)
        }
        return found
    }

    /// Reads the base from the disk; returns the check of its version, or `nil` if it can't be
    /// opened.
    private func baseCheck(_ view: ReadView, _ rows: any StoreReader, _ report: inout VerifyReport)
        throws(LodestoneError) -> VersionCheck?
    {
        let record = view.collection.record
        let damageCount = report.damageCount
        try rows.verifyBase(of: record, &report)
        guard report.damageCount == damageCount else { return nil }
        do throws(LodestoneError) {
            guard let stored = try rows.base(of: record.number), let path = stored.path else {
                return nil
            }
            var version = try CollectionVersion(
                stored,
                at: path,
                of: record,
                vectors: try rows.vectorRuns(of: record.number)
            )
            try version.replay(record, from: rows)
            return VersionCheck(
                ReadView(
                    collection: view.collection,
                    version: CollectionVersion.Shared(version),
                    rows: rows
                ),
                from: .base(path: path)
            )
        } catch {
            // Other checks report damaged vectors and damaged log rows. Only damage of the base
            // itself is reported here.
            guard error.code == .dataLoss else { throw error }
            if error.reason == .corruptBase {
                report.note(
                    Damage(
                        kind: "base",
                        collection: record.name,
                        object: error.object ?? record.name,
                        message: error.message,
                        recovery: error.recovery
                    )
                )
            }
            return nil
        }
    }

    /// Rebuilds memory and base from the rows, and adds the repaired kinds to the report.
    private func repair(
        _ collection: Collection,
        _ report: inout VerifyReport,
        context: CallContext
    ) throws(LodestoneError) {
        let name = collection.name
        do throws(LodestoneError) {
            try context.check()
            try catalog.remake(collection)
            for kind in Self.derivedKinds(in: collection) where kind != "base" {
                report.markRepaired(kind, of: name)
            }
            try compactor.compactExclusively(collection, context: context)
            report.markRepaired("base", of: name)
        } catch {
            // The rebuild failed at damage that the report has already, or the disk is full.
            if context.isOver { throw error }
        }
    }

    func maintain<T>(_ body: () throws(LodestoneError) -> T) throws(LodestoneError) -> T {
        guard !isMaintaining.exchange(true, ordering: .acquiring) else { throw .maintenanceRuns }
        defer { isMaintaining.store(false, ordering: .releasing) }
        return try body()
    }
}

extension Engine {
    /// Writes a snapshot of the current state into the store's directory; writes continue
    /// meanwhile.
    ///
    /// - Parameters:
    ///   - name: The name, 1 to 64 of a-z, 0-9, `_` and `-`.
    ///   - timeout: The longest time that it may take.
    /// - Returns: The description of the snapshot.
    /// - Throws: `.alreadyExists`, `.invalidArgument` for a bad name, `.resourceExhausted` when
    ///   other maintenance is running or the disk is full.
    @discardableResult
    public func createSnapshot(
        _ name: String,
        timeout: Duration = Limits.standard.maxDeadline
    ) async throws(LodestoneError) -> SnapshotDescription {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.createSnapshot(name, context: context)
        }
    }

    /// The snapshots in the store's directory, in the order of their names.
    public func snapshots() async throws(LodestoneError) -> [SnapshotDescription] {
        try await read(Limits.standard.defaultDeadline) {
            (engine, context) throws(LodestoneError) in
            try engine.snapshots(context: context)
        }
    }

    /// Compares all data that has a checksum or is stored twice; writes continue meanwhile.
    public func verify(timeout: Duration = Limits.standard.maxDeadline)
        async throws(LodestoneError) -> VerifyReport
    {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.verify(context: context)
        }
    }
}
