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
        try store.refuseIfReadOnly()
        return try maintain { () throws(LodestoneError) in
            try store.createSnapshot(name, context: context)
        }
    }

    /// The snapshots in the store's directory, by name.
    package func snapshots(context: CallContext) throws(LodestoneError) -> [SnapshotDescription] {
        try store.snapshots(context: context)
    }

    /// Reads a part of a snapshot's file.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - offset: Where the part begins.
    ///   - maxBytes: 1 to `SnapshotPart.maxByteCount`.
    ///   - context: Is charged for the answer.
    /// - Returns: As many bytes as there are, and how many the file has.
    /// - Throws: `.notFound`; `.invalidArgument` for an offset beyond the file's end, or another
    ///   count of bytes.
    package func fetchSnapshot(
        _ name: String,
        at offset: UInt64,
        maxBytes: Int,
        context: CallContext
    ) throws(LodestoneError) -> SnapshotPart {
        guard maxBytes > 0 else {
            throw .invalid(
                "BAD_COUNT",
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

    /// Removes a snapshot, if there is one of that name.
    package func deleteSnapshot(_ name: String) throws(LodestoneError) {
        try store.refuseIfReadOnly()
        try store.deleteSnapshot(name)
    }

    /// Compares everything that is stored twice, or with a checksum, anew.
    ///
    /// Each collection is looked at in one state of its own; writes go on. What is derived and
    /// wrong is made again where it can be, unless the store is only read.
    package func verify(context: CallContext) throws(LodestoneError) -> VerifyReport {
        try maintain { () throws(LodestoneError) in
            var report = try verifyLog(context: context)
            for record in registry.catalog {
                // Dropped meanwhile: there is nothing left to look at.
                guard let collection = try registry.get(record.number, for: context) else {
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

    /// Damage to what bases and memory are made from.
    private static let rowKinds: Set = ["row", "database"]

    /// Damage to what is made from rows.
    private static func derivedKinds(in collection: Collection) -> Set<String> {
        let kinds: Set = ["base", "memory", "edges", "values"]
        return collection.record.options.textStrategy == .fts5 ? kinds : kinds.union(["words"])
    }

    /// Looks at one collection, while it is not compacted, and makes anew what is derived and
    /// wrong.
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
            // Made anew from damaged rows, it would only hide what is missing.
            if !kinds.isDisjoint(with: Self.derivedKinds(in: collection)),
                kinds.isDisjoint(with: Self.rowKinds), !store.isReadOnly
            {
                try repair(collection, &found, context: context)
            }
            return found
        }
    }

    /// - Returns: The report with what was found.
    private func look(at collection: Collection, _ report: VerifyReport, context: CallContext)
        throws(LodestoneError) -> VerifyReport
    {
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
                try rows.record(of: collection.number) != nil
            else { return }
            found.sequenceNumber = max(found.sequenceNumber, rows.sequenceNumber)
            var base = try baseCheck(view, rows, &found)
            let listed = found.damages.count
            var memory = ContentsCheck(view, from: .memory)
            try rows.verify(collection.record, &found) { (row) throws(LodestoneError) in
                try memory.take(row)
                try base?.take(row)
            }
            // Damaged rows are missing from the counts anyway.
            let countsRows = !found.damages.dropFirst(listed).contains {
                Self.rowKinds.contains($0.kind)
            }
            memory.finish(&found, countsRows: countsRows)
            base?.finish(&found, countsRows: countsRows)
        }
        return found
    }

    /// Reads the base from the disk; answers the check of what it says, if it can be read.
    private func baseCheck(_ view: ReadView, _ rows: any StoreReader, _ report: inout VerifyReport)
        throws(LodestoneError) -> ContentsCheck?
    {
        let record = view.collection.record
        let damageCount = report.damageCount
        try rows.verifyBase(of: record, &report)
        guard report.damageCount == damageCount else { return nil }
        do throws(LodestoneError) {
            guard let stored = try rows.base(of: record.number), let path = stored.path else {
                return nil
            }
            var contents = try CollectionContents(
                stored,
                at: path,
                of: record,
                vectors: try rows.vectorRuns(of: record.number)
            )
            try contents.replay(record, from: rows)
            return ContentsCheck(
                ReadView(collection: view.collection, contents: contents, rows: rows),
                from: .base(path: path)
            )
        } catch {
            // Damaged vectors and log rows are found where they are looked for; whatever else is
            // wrong with the base, its checksums are not.
            guard error.code == .dataLoss else { throw error }
            if error.reason == "CORRUPT_BASE" {
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

    /// Makes memory and base anew from the rows; says so of what it could.
    private func repair(
        _ collection: Collection,
        _ report: inout VerifyReport,
        context: CallContext
    ) throws(LodestoneError) {
        let name = collection.name
        do throws(LodestoneError) {
            try context.check()
            try registry.remake(collection)
            for kind in Self.derivedKinds(in: collection) where kind != "base" {
                report.markRepaired(kind, of: name)
            }
            try compactor.fold(collection, context: context)
            report.markRepaired("base", of: name)
        } catch {
            // What it takes is damaged, too, and in the report; or the disk is full.
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
