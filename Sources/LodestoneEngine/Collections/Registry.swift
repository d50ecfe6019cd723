// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import Synchronization

/// The collections by name, and the sequence number up to which all of them have been brought.
///
/// Threading: the table is behind a mutex. `gate` is held by whoever changes collections: the
/// writer from its first look at them until they show its commit, whoever catches up with other
/// processes, and a compaction while it puts new contents in place. Nobody waits for another process
/// with the gate in hand: the writer takes the store's lock first.
final class Registry: Sendable {
    private struct Table {
        var collections: [String: Collection] = [:]
        var numbers: [CollectionNumber: Collection] = [:]
        var nextNumber: CollectionNumber = 1
    }

    let store: any Store
    private let table = Mutex(Table())
    private let published = Atomic<UInt64>(0)
    private let gate = CallLock()
    private let caughtUp = Mutex<(@Sendable (Collection) -> Void)?>(nil)

    /// Loads every collection of a store.
    init(_ store: any Store) throws(LodestoneError) {
        self.store = store
        try reading { (reader) throws(LodestoneError) in try load(from: reader) }
    }

    /// Every batch up to this one is visible.
    var sequenceNumber: UInt64 { published.load(ordering: .acquiring) }

    var all: [Collection] {
        table.withLock { Array($0.collections.values) }
            .sorted { $0.name < $1.name }
    }

    func find(_ name: String) -> Collection? {
        table.withLock { $0.collections[name] }
    }

    func find(_ number: CollectionNumber) -> Collection? {
        table.withLock { $0.numbers[number] }
    }

    func get(_ name: String) throws(LodestoneError) -> Collection {
        guard let collection = find(name) else { throw .noCollection(name) }
        return collection
    }

    func nextCollectionNumber() -> CollectionNumber {
        table.withLock { table in
            defer { table.nextNumber += 1 }
            return table.nextNumber
        }
    }

    func add(_ collection: Collection) {
        table.withLock { table in
            table.collections[collection.name] = collection
            table.numbers[collection.number] = collection
            table.nextNumber = max(table.nextNumber, collection.number + 1)
        }
    }

    func remove(_ collection: Collection) {
        collection.markDropped()
        table.withLock { table in
            table.collections[collection.name] = nil
            table.numbers[collection.number] = nil
        }
    }

    // MARK: Changes

    /// Runs `body` as the only one that changes collections; through the gate that it gets it says
    /// what it brought them to.
    ///
    /// - Throws: What `body` does; that `context` is over, when it is before its turn has come.
    func changing<T>(
        for context: CallContext? = nil,
        _ body: (Gate) throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T {
        try gate.withLock(while: { () throws(LodestoneError) in try context?.check() }) {
            () throws(LodestoneError) in
            try body(Gate(registry: self))
        }
    }

    /// Has `body` called with every collection that was brought up to date from the log.
    func onCatchUp(_ body: @escaping @Sendable (Collection) -> Void) {
        caughtUp.withLock { $0 = body }
    }

    /// Takes in what other processes have committed, if they have.
    ///
    /// Costs a nanosecond when they have not.
    ///
    /// - Throws: That `context` is over, when it is before somebody else is done with collections.
    func catchUp(for context: CallContext? = nil) throws(LodestoneError) {
        guard isBehind else { return }
        try changing(for: context) { (gate) throws(LodestoneError) in try catchUp(gate) }
    }

    /// Does the same, unless somebody else stays at work on the collections: what people look at
    /// while something hangs must not hang, too.
    func catchUpIfFree() throws(LodestoneError) {
        guard isBehind else { return }
        let context = CallContext(timeout: .milliseconds(20))
        do throws(LodestoneError) {
            try catchUp(for: context)
        } catch {
            guard context.isOver, error.code == .deadlineExceeded else { throw error }
        }
    }

    private var isBehind: Bool { store.sharedSequenceNumber > sequenceNumber }

    private func catchUp(_ gate: Gate) throws(LodestoneError) {
        guard isBehind else { return }
        try reading { (reader) throws(LodestoneError) in try gate.catchUp(with: reader) }
    }

    /// Runs `body` on the latest state; again, when a compaction has moved vectors meanwhile that
    /// the state named.
    func reading<T>(_ body: (any StoreReader) throws(LodestoneError) -> T) throws(LodestoneError)
        -> T
    {
        // A compaction takes longer than to begin again.
        for _ in 0..<10 {
            let reader = try store.beginRead(context: nil)
            defer { reader.end() }
            do throws(LodestoneError) {
                return try body(reader)
            } catch {
                guard error.reason == "VECTORS_MOVED" else { throw error }
            }
        }
        throw .broken("the vectors are moved all the time")
    }

    /// The right to change collections.
    struct Gate {
        fileprivate let registry: Registry

        /// Says that every collection shows the batches up to this one.
        func publish(_ sequenceNumber: UInt64) {
            registry.published.store(sequenceNumber, ordering: .releasing)
        }

        /// The contents of a collection; made anew from the rows when they are damaged, or a
        /// change to them failed half way.
        func changeable(_ collection: Collection) throws(LodestoneError) -> CollectionContents {
            let contents = collection.contents
            return contents.canChange ? contents : try registry.rebuild(collection)
        }

        /// Brings every collection to the state of a reader.
        func catchUp(with reader: any StoreReader) throws(LodestoneError) {
            guard reader.sequenceNumber > registry.sequenceNumber else { return }
            do throws(LodestoneError) {
                try registry.replay(from: reader)
            } catch {
                guard ["LOG_FORGOTTEN", "VECTORS_MOVED"].contains(error.reason) else {
                    throw error
                }
                try registry.load(from: reader)
            }
        }
    }

    private func rebuild(_ collection: Collection) throws(LodestoneError) -> CollectionContents {
        let contents = try reading { (reader) throws(LodestoneError) in
            try CollectionContents.rebuild(record(of: collection, in: reader), from: reader)
        }
        collection.replace(contents)
        // A base is wanted, and an index.
        if let body = caughtUp.withLock({ $0 }) { body(collection) }
        return contents
    }

    private func replay(from reader: any StoreReader) throws(LodestoneError) {
        // Contents are changed apart and put in place at the end: readers go on meanwhile.
        var changed: [CollectionNumber: CollectionContents] = [:]
        try reader.forEachChange(after: sequenceNumber, of: nil) {
            (change) throws(LodestoneError) in
            let number = change.collection
            switch change.kind {
            case .createCollection:
                table.withLock { $0.nextNumber = max($0.nextNumber, number + 1) }
                // One that is gone again by now is not worth showing.
                if let record = try reader.record(of: number), find(number) == nil {
                    add(Collection(record))
                }
            case .dropCollection:
                changed[number] = nil
                if let collection = find(number) { remove(collection) }
            case .rows, .alterCollection:
                guard let collection = find(number),
                    let record = try reader.record(of: number)
                else { return }
                var contents = changed.removeValue(forKey: number) ?? collection.contents
                if !contents.canChange {
                    contents = try CollectionContents.load(record, from: reader)
                }
                try contents.replay(change, of: record, from: reader)
                changed[number] = contents
            }
        }
        let collections = changed.keys.compactMap { find($0) }
        for collection in collections {
            if let contents = changed[collection.number] { collection.replace(contents) }
        }
        published.store(reader.sequenceNumber, ordering: .releasing)
        if let body = caughtUp.withLock({ $0 }) { collections.forEach(body) }
    }

    /// Loads every collection; of one whose base is no newer than what is here, the log still has
    /// what came since.
    private func load(from reader: any StoreReader) throws(LodestoneError) {
        let records = try reader.collections()
        var loaded: [(CollectionRecord, CollectionContents)] = []
        for record in records {
            if var contents = find(record.number)?.contents, contents.canChange,
                contents.options == record.options,
                try reader.base(of: record.number)?.sequenceNumber ?? 0 <= sequenceNumber
            {
                try contents.replay(record, from: reader)
                loaded.append((record, contents))
            } else {
                loaded.append((record, try CollectionContents.load(record, from: reader)))
            }
        }
        // First those that were dropped: another may have been created under their name.
        let numbers = Set(records.map(\.number))
        for collection in table.withLock({ Array($0.numbers.values) })
        where !numbers.contains(collection.number) {
            remove(collection)
        }
        for (record, contents) in loaded {
            if let collection = find(record.number) {
                collection.replace(contents)
            } else {
                add(Collection(record, contents: contents))
            }
        }
        let next = try reader.nextCollectionNumber()
        table.withLock { $0.nextNumber = max($0.nextNumber, next) }
        published.store(reader.sequenceNumber, ordering: .releasing)
    }

    // MARK: Contents from elsewhere

    /// The contents of a collection; made anew from the rows when something read from its base was
    /// damaged.
    func undamaged(_ collection: Collection, for context: CallContext? = nil)
        throws(LodestoneError) -> CollectionContents
    {
        let contents = collection.contents
        guard contents.isDamaged else { return contents }
        return try changing(for: context) { (gate) throws(LodestoneError) in
            try gate.changeable(collection)
        }
    }

    /// Puts the contents of the newest base, with the log after it, in place.
    func reload(_ collection: Collection) throws(LodestoneError) {
        // Most of the log is replayed before anybody has to wait.
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let record = try record(of: collection, in: reader)
        var contents = try CollectionContents.load(record, from: reader)
        // Else the first search after the swap would check every vector: its time doubled.
        contents.checkBase()
        if contents.isDamaged {
            contents = try CollectionContents.rebuild(record, from: reader)
        }
        try put(contents, into: collection)
    }

    /// Goes on with the base that was just made of `old`, and with what was written meanwhile.
    ///
    /// - Parameters:
    ///   - collection: Inside `compacting`, since it began its journal.
    ///   - old: What it began it with.
    ///   - nodes: The new numbers of its nodes.
    /// - Throws: What reading the store does.
    func takeOver(
        _ collection: Collection,
        from old: CollectionContents,
        nodes: ContiguousArray<NodeNumber>
    ) throws(LodestoneError) {
        let opened = try reading { (reader) throws(LodestoneError) in
            try CollectionContents.open(collection.record, madeOf: old, from: reader)
        }
        guard var contents = opened else { return try reload(collection) }
        var takeover = Takeover(from: old, nodes: nodes)
        // What is left each time was written while the rest was taken over, in less time.
        for _ in 0..<Self.takeoverRounds {
            guard let changes = collection.takeJournal() else { return try reload(collection) }
            takeover.apply(changes, to: &contents)
            if changes.count < 2 { break }
        }
        try changing { (_) throws(LodestoneError) in
            guard let changes = collection.takeJournal() else { return }
            takeover.apply(changes, to: &contents)
            collection.replace(contents)
        }
        // Another process has written, or too much was: the log has it all.
        if collection.contents.baseSequenceNumber < contents.baseSequenceNumber {
            try reload(collection)
        }
    }

    private static let takeoverRounds = 8

    /// Makes the contents of a collection anew from its rows, and puts them in place.
    ///
    /// Inside `compacting`, as `reload`: nobody forgets what the log says meanwhile.
    func remake(_ collection: Collection) throws(LodestoneError) {
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let record = try record(of: collection, in: reader)
        try put(try CollectionContents.rebuild(record, from: reader), into: collection)
        collection.filters.removeAll()
    }

    /// A collection as a reader's state has it, whose options may be later ones than those here;
    /// as it is here, when it is gone there.
    private func record(of collection: Collection, in reader: any StoreReader)
        throws(LodestoneError) -> CollectionRecord
    {
        try reader.record(of: collection.number) ?? collection.record
    }

    /// Puts contents in place, with what was written since they were made.
    private func put(_ contents: CollectionContents, into collection: Collection)
        throws(LodestoneError)
    {
        var contents = contents
        try changing { (_) throws(LodestoneError) in
            let last = try store.beginRead(context: nil)
            defer { last.end() }
            try contents.replay(collection.record, from: last)
            collection.replace(contents)
        }
    }

}
