// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles
import LodestoneStorage

/// Descriptions of closed collections; few of them must be opened for it.
extension Catalog {
    /// The most collections whose figures are read for metrics.
    private static let maxKnown = 1_000

    /// The number of all collections, and the first ones whose description needs no opening.
    ///
    /// The open ones come with their collection.
    var knownDescriptions: (count: Int, descriptions: [(CollectionDescription, Collection?)]) {
        // Every request needs the lock, so the choice and the order are made without it.
        let all = table.withLock { Array($0.entries.values) }
        let entries = all.filter { $0.collection != nil || $0.description != nil }
            .sorted { $0.record.number < $1.record.number }.prefix(Self.maxKnown)
        let count = all.count
        let descriptions = entries.compactMap { entry in
            (entry.collection?.description ?? entry.description).map { ($0, entry.collection) }
        }
        return (count, descriptions)
    }

    /// Describes a collection, and opens it only when its base and log are not enough.
    ///
    /// The call does not count as a use of the collection.
    func description(of number: CollectionNumber) throws(LodestoneError) -> CollectionDescription? {
        let (collection, description) = table.withLock { table in
            (table.entries[number]?.collection, table.entries[number]?.description)
        }
        if let collection { return collection.description }
        if let description { return description }
        return try open(number, for: nil)?.description
    }

    /// Records descriptions of closed collections, where their bases and the log are enough.
    ///
    /// Opening thousands of collections for a list would take seconds.
    func describeClosed() throws(LodestoneError) {
        let unknown = table.withLock { table in
            table.entries.values.filter { $0.collection == nil && $0.description == nil }
                .map(\.record.number)
        }
        if unknown.isEmpty { return }
        try reading { (reader) throws(LodestoneError) in
            let summaries = try reader.logSummaries()
            // One query reads all records, instead of one query per collection.
            _ = try reader.collections()
            for number in unknown {
                guard let record = try reader.record(of: number),
                    let description = try Self.description(of: record, summaries[number], reader)
                else { continue }
                table.withLock { table in
                    guard let entry = table.entries[number], entry.collection == nil,
                        // Otherwise a write or a closing since then has made a newer description.
                        entry.description == nil, entry.lastChange <= reader.sequenceNumber
                    else { return }
                    table.entries[number]?.description = description
                }
            }
        }
    }

    /// - Parameters:
    ///   - record: The collection.
    ///   - summary: The counts of the log after its base; `nil` when there is no such log.
    ///   - reader: The reader of the state.
    /// - Returns: `nil` when the collection must be opened.
    /// - Throws: The errors of reading the store.
    private static func description(
        of record: CollectionRecord,
        _ summary: LogSummary?,
        _ reader: any StoreReader
    ) throws(LodestoneError) -> CollectionDescription? {
        guard case .flatScan = record.options.vectorStrategy, summary?.hasOnlyNewRows ?? true else {
            return nil
        }
        let stored = try reader.base(of: record.number)
        if summary != nil, try reader.hasEdges(record.number, from: stored?.nextRow ?? .first) {
            return nil
        }
        var header: BaseHeader?
        var byteCount = 0
        if let stored {
            // Only an opened base shows whether a field is backfilled. Opening also rebuilds a
            // damaged base.
            guard record.options.metadataIndexes.isEmpty, let path = stored.path,
                let file = try? BaseFile.open(path), let found = BaseHeader(from: file),
                found.sequenceNumber == stored.sequenceNumber
            else { return nil }
            header = found
            byteCount = file.bytes.count
        }
        let rows = summary?.rows ?? 0
        let vectors = Int(clamping: header?.vectorCount ?? 0) + (summary?.vectors ?? 0)
        return CollectionDescription(
            name: record.name,
            options: record.options,
            documents: Int(clamping: header?.documentCount ?? 0) + rows,
            vectors: vectors,
            edges: Int(clamping: header?.edgeCount ?? 0),
            sequenceNumber: summary?.last ?? stored?.sequenceNumber ?? 0,
            changesSinceBase: rows,
            baseByteCount: UInt64(byteCount),
            index: IndexStatus(strategy: record.options.vectorStrategy, indexedVectors: vectors),
            buildingIndexes: [],
            number: UInt64(clamping: record.number)
        )
    }
}
