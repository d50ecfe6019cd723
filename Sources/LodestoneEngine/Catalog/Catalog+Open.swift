// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage

/// The limits on the collections that are open at a time.
///
/// An open collection takes a file descriptor per segment, some 50 KB, and the memory of its
/// changes since its base. A closed one takes a kilobyte. Opening takes a millisecond, and more for
/// a long log after the base.
public struct OpenCollections: Sendable, Equatable {
    /// The most open collections; beyond it the least recently used ones are closed.
    public var count: Int
    /// The most bytes of memory for the changes of all collections since their bases.
    ///
    /// Above half of the limit, the collection with the most changes is compacted. Above three
    /// quarters, large writes fail with `OVERLOADED` until the compaction ends. Above the limit,
    /// all writes fail and unused collections are closed. Writes have at least 16 MiB.
    public var bytes: Int

    /// Creates a budget.
    public init(count: Int = 1_024, bytes: Int = 1 << 30) {
        self.count = count
        self.bytes = bytes
    }
}

/// The opening of collections at their first use, and their closing.
extension Catalog {
    /// The most attempts to open a collection; a compaction meanwhile causes another attempt.
    private static let tries = 10
    /// The number of openings between two counts of the bytes of all collections.
    private static let openingsPerCount = 32

    /// Returns a collection for use, if it is open.
    func getIfOpen(_ name: String) -> Collection? {
        table.withLock { table in table.numbers[name].flatMap { table.use($0) } }
    }

    /// Returns a collection for use, and opens it if it is closed.
    ///
    /// - Throws: `.notFound`; the end of `context`; the errors of reading the store.
    func get(_ name: String, for context: CallContext? = nil) throws(LodestoneError) -> Collection {
        let (number, collection) = table.withLock { table in
            let number = table.numbers[name]
            return (number, number.flatMap { table.use($0) })
        }
        if let collection { return collection }
        guard let number, let collection = try get(number, for: context) else {
            throw .noCollection(name)
        }
        return collection
    }

    /// Returns a collection for use by its number, and opens it if it is closed; `nil` when there
    /// is none.
    func get(_ number: CollectionNumber, for context: CallContext? = nil) throws(LodestoneError)
        -> Collection?
    {
        if let collection = table.withLock({ $0.use(number) }) { return collection }
        let collection = try open(number, for: context)
        _ = table.withLock { $0.use(number) }
        return collection
    }

    /// The number of a collection's documents, for callers that hold the lock and so can't open it.
    func documentCount(of record: CollectionRecord) throws(LodestoneError) -> Int {
        if let collection = opened(record.number) { return collection.version.ids.documentCount }
        return try reading { (reader) throws(LodestoneError) in
            try CollectionVersion.load(record, from: reader).ids.documentCount
        }
    }

    /// Opens the closed collections with writes since their bases, so that they are compacted.
    ///
    /// They are opened one after the other, until `isWanted` returns false.
    func openUncompacted(while isWanted: () -> Bool) {
        let numbers = try? reading { (reader) throws(LodestoneError) in
            try reader.uncompactedCollections()
        }
        for number in numbers ?? [] where isWanted() {
            // The next call for the collection gets the same error.
            _ = try? open(number, for: nil)
        }
    }

    func open(_ number: CollectionNumber, for context: CallContext?)
        throws(LodestoneError) -> Collection?
    {
        guard let opening = table.withLock({ $0.entries[number]?.opening }) else { return nil }
        return try opening.withLock(while: { () throws(LodestoneError) in try context?.check() }) {
            () throws(LodestoneError) in
            for _ in 0..<Self.tries {
                if let collection = opened(number) { return collection }
                // Other threads can take the lock during the load.
                let version = try reading(for: context) { (reader) throws(LodestoneError) in
                    try reader.record(of: number).map { (record) throws(LodestoneError) in
                        try CollectionVersion.load(record, from: reader)
                    }
                }
                guard let version else { return nil }
                do throws(LodestoneError) {
                    return try withExclusiveAccess(for: context) { (_) throws(LodestoneError) in
                        try show(version, of: number)
                    }
                } catch {
                    guard error.reason == .vectorsMoved else { throw error }
                }
            }
            throw .broken("the base of collection \(number) is replaced all the time")
        }
    }

    /// Applies the latest writes to a version, and makes the collection visible.
    ///
    /// Call it under the lock.
    ///
    /// - Returns: `nil` when the collection was dropped.
    /// - Throws: `VECTORS_MOVED` when the log has forgotten changes that the version lacks.
    private func show(_ version: CollectionVersion, of number: CollectionNumber)
        throws(LodestoneError) -> Collection?
    {
        var version = version
        let last = try store.beginRead(context: nil)
        defer { last.end() }
        guard let record = try last.record(of: number) else { return nil }
        if let base = try last.base(of: number),
            base.sequenceNumber > version.sequenceNumber
        {
            throw LodestoneError(
                .aborted,
                reason: .vectorsMoved,
                "A compaction has replaced the base of '\(record.name)'.",
                recovery: "Send it again."
            )
        }
        try version.replay(record, from: last)
        let collection = Collection(record, version: version, countedIn: deltaMemory)
        let isThere = table.withLock { table in
            guard table.entries[number] != nil else { return false }
            table.entries[number]?.record = record
            table.entries[number]?.collection = collection
            table.countOpening()
            return true
        }
        guard isThere else { return nil }
        closeUnused()
        if let body = caughtUp.withLock({ $0 }) { body(collection) }
        return collection
    }

    /// Closes unused collections, the least recently used first, when too many are open.
    ///
    /// Runs under the lock.
    ///
    /// - Parameter evenIfRecent: Whether to count the bytes even if the last count was recent.
    func closeUnused(evenIfRecent: Bool = false) {
        let (openCount, openings) = table.withLock { ($0.openCount, $0.openings) }
        let isOverCount = openCount > budget.count
        guard isOverCount || evenIfRecent || openings >= Self.openingsPerCount else { return }
        // The array frees the collections after the table is unlocked.
        var closed: [Collection] = []
        table.withLock { table in
            table.openings = 0
            let open = table.entries.values.filter { $0.collection != nil }
                .map { (number: $0.record.number, lastUse: $0.lastUse, size: $0.size) }
            var byteCount = open.reduce(0) { $0 + $1.size }
            // An eighth is closed at once, so that the sort is not repeated for each collection.
            let wanted = isOverCount ? budget.count - budget.count / 8 : budget.count
            for (number, _, size) in open.sorted(by: { $0.lastUse < $1.lastUse }) {
                if table.openCount <= wanted && byteCount <= budget.bytes { break }
                guard let collection = table.close(number) else { continue }
                byteCount -= size
                closed.append(collection)
                // The files are closed before another thread can open the collection again.
                store.closeSegments(of: number)
            }
        }
    }
}

extension Catalog.Entry {
    /// An estimate of the bytes of memory of the changes since the base.
    fileprivate var size: Int { collection?.deltaByteCount ?? 0 }
}

extension Catalog.Table {
    /// Records a use of a collection, and returns the collection if it is open.
    fileprivate mutating func use(_ number: CollectionNumber) -> Collection? {
        useCount += 1
        entries[number]?.lastUse = useCount
        return entries[number]?.collection
    }

    /// Closes a collection to which only this table has a reference.
    ///
    /// Every other reference comes from this table, so none can be added meanwhile.
    fileprivate mutating func close(_ number: CollectionNumber) -> Collection? {
        guard let position = entries.index(forKey: number),
            isKnownUniquelyReferenced(&entries.values[position].collection)
                || Planted.closesInUse,
            let collection = entries.values[position].collection
        else { return nil }
        entries.values[position].record = collection.record
        entries.values[position].description = collection.description
        entries.values[position].collection = nil
        openCount -= 1
        return collection
    }
}
