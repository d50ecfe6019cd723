// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage

/// How many collections have their contents in memory at a time.
///
/// An open one takes a file descriptor for each of its segments, some 50 KB, and the changes since
/// its base; a closed one takes a kilobyte. Opening takes a millisecond, and longer where much
/// was written since its base.
public struct OpenCollections: Sendable, Equatable {
    /// The most open ones; beyond it those are closed that were not used for longest.
    public var count: Int
    /// The most bytes of memory for the changes of all of them since their bases.
    ///
    /// Beyond half of it the collection with the most changes is compacted. Beyond three quarters
    /// large writes fail with `OVERLOADED` until that is done; beyond it all do, and collections that
    /// nobody uses are closed. Writes have at least 16 MiB.
    public var bytes: Int

    /// Creates a budget.
    public init(count: Int = 1_024, bytes: Int = 1 << 30) {
        self.count = count
        self.bytes = bytes
    }
}

/// Opening collections by their first use, and closing them.
extension Registry {
    /// How often opening begins again because a compaction came between.
    private static let tries = 10
    /// How often the bytes of all are added up, in openings.
    private static let openingsPerCount = 32

    /// A collection to use, if it is open.
    func getIfOpen(_ name: String) -> Collection? {
        table.withLock { table in table.numbers[name].flatMap { table.use($0) } }
    }

    /// A collection to use, opened when it isn't.
    ///
    /// - Throws: `.notFound`; that `context` is over; what reading the store does.
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

    /// The same by its number; `nil` when there is none.
    func get(_ number: CollectionNumber, for context: CallContext? = nil) throws(LodestoneError)
        -> Collection?
    {
        if let collection = table.withLock({ $0.use(number) }) { return collection }
        let collection = try open(number, for: context)
        _ = table.withLock { $0.use(number) }
        return collection
    }

    /// How many documents a collection has, for callers with the gate in hand, that can't open it.
    func documentCount(of record: CollectionRecord) throws(LodestoneError) -> Int {
        if let collection = opened(record.number) { return collection.state.documentCount }
        return try reading { (reader) throws(LodestoneError) in
            try CollectionContents.load(record, from: reader).state.documentCount
        }
    }

    /// Opens, one after the other, the closed collections that were written to since their bases, so
    /// that they are folded, until `isWanted` says no.
    func openUnfolded(while isWanted: () -> Bool) {
        let numbers = try? reading { (reader) throws(LodestoneError) in
            try reader.unfoldedCollections()
        }
        for number in numbers ?? [] where isWanted() {
            // The next call for it ends with the same error.
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
                // Others go on with the gate meanwhile.
                let contents = try reading(for: context) { (reader) throws(LodestoneError) in
                    try reader.record(of: number).map { (record) throws(LodestoneError) in
                        try CollectionContents.load(record, from: reader)
                    }
                }
                guard let contents else { return nil }
                do throws(LodestoneError) {
                    return try changing(for: context) { (_) throws(LodestoneError) in
                        try show(contents, of: number)
                    }
                } catch {
                    guard error.reason == "VECTORS_MOVED" else { throw error }
                }
            }
            throw .broken("the base of collection \(number) is replaced all the time")
        }
    }

    /// Brings contents up to date, and shows them; inside the gate.
    ///
    /// - Returns: `nil` when the collection was dropped.
    /// - Throws: `VECTORS_MOVED` when the log has lost changes that they lack.
    private func show(_ contents: CollectionContents, of number: CollectionNumber)
        throws(LodestoneError) -> Collection?
    {
        var contents = contents
        let last = try store.beginRead(context: nil)
        defer { last.end() }
        guard let record = try last.record(of: number) else { return nil }
        if let base = try last.base(of: number),
            base.sequenceNumber > contents.state.sequenceNumber
        {
            throw LodestoneError(
                .aborted,
                reason: "VECTORS_MOVED",
                "A compaction has replaced the base of '\(record.name)'.",
                recovery: "Send it again."
            )
        }
        try contents.replay(record, from: last)
        let collection = Collection(record, contents: contents, countedIn: deltaMemory)
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

    /// Closes collections that nobody uses, those first whose last use is longest ago, once too many
    /// are open; inside the gate.
    ///
    /// - Parameter atOnce: Whether to look at the bytes though the last look was not long ago.
    func closeUnused(atOnce: Bool = false) {
        let (openCount, openings) = table.withLock { ($0.openCount, $0.openings) }
        let isOverCount = openCount > budget.count
        guard isOverCount || atOnce || openings >= Self.openingsPerCount else { return }
        // Freed after the table is.
        var closed: [Collection] = []
        table.withLock { table in
            table.openings = 0
            let open = table.entries.values.filter { $0.collection != nil }
                .map { (number: $0.record.number, lastUse: $0.lastUse, size: $0.size) }
            var byteCount = open.reduce(0) { $0 + $1.size }
            // Some at a time, since all were looked at for it.
            let wanted = isOverCount ? budget.count - budget.count / 8 : budget.count
            for (number, _, size) in open.sorted(by: { $0.lastUse < $1.lastUse }) {
                if table.openCount <= wanted && byteCount <= budget.bytes { break }
                guard let collection = table.close(number) else { continue }
                byteCount -= size
                closed.append(collection)
                // Before anybody can open it again.
                store.letGo(of: number)
            }
        }
    }
}

extension Registry.Entry {
    /// Bytes of memory that were written since the base, roughly.
    fileprivate var size: Int { collection?.deltaByteCount ?? 0 }
}

extension Registry.Table {
    /// Notes a use of a collection; answers it when it is open.
    fileprivate mutating func use(_ number: CollectionNumber) -> Collection? {
        useCount += 1
        entries[number]?.lastUse = useCount
        return entries[number]?.collection
    }

    /// Closes a collection to which only this table has a reference.
    ///
    /// The table gives out all other references, so none can be added meanwhile.
    fileprivate mutating func close(_ number: CollectionNumber) -> Collection? {
        guard let place = entries.index(forKey: number),
            isKnownUniquelyReferenced(&entries.values[place].collection)
                || PlantedBug.collectionClosedInUse.isPlanted,
            let collection = entries.values[place].collection
        else { return nil }
        entries.values[place].record = collection.record
        entries.values[place].description = collection.description
        entries.values[place].collection = nil
        openCount -= 1
        return collection
    }
}
