// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import Synchronization

/// The collections by name, and the sequence number up to which all of them have been brought.
///
/// A collection is open, with its contents in memory, or closed: then only its record is here. It is
/// opened by its first use, and closed again when nobody uses it and others want its place
/// (`Registry+Open.swift`).
///
/// Threading: the table is behind a mutex. `gate` is held by whoever changes collections: the
/// writer from its first look at them until they show its commit, whoever catches up with other
/// processes, and a compaction while it puts new contents in place. Nobody waits for another process
/// with the gate in hand: the writer takes the store's lock first.
final class Registry: Sendable {
    struct Entry {
        /// The options of a closed collection; an open one knows its own.
        var record: CollectionRecord
        var collection: Collection?
        /// Of a closed collection, as it was closed, unless it was written to since.
        var description: CollectionDescription?
        /// The last batch of another process that changed it.
        var lastChange: UInt64 = 0
        /// The count of uses at its last one.
        var lastUse: UInt64 = 0
        /// Held by the thread that opens it.
        let opening = CallLock()
    }

    struct Table {
        var entries: [CollectionNumber: Entry] = [:]
        var numbers: [String: CollectionNumber] = [:]
        var nextNumber: CollectionNumber = 1
        var useCount: UInt64 = 0
        var openCount = 0
        /// Openings since the bytes of all open ones were added up.
        var openings = 0

        mutating func add(_ entry: Entry) {
            numbers[entry.record.name] = entry.record.number
            if entry.collection != nil { countOpening() }
            entries[entry.record.number] = entry
            nextNumber = max(nextNumber, entry.record.number + 1)
        }

        mutating func countOpening() {
            openCount += 1
            openings += 1
        }

        mutating func remove(_ number: CollectionNumber) -> Entry? {
            guard let entry = entries.removeValue(forKey: number) else { return nil }
            // Another one may have its name by now.
            if numbers[entry.record.name] == number { numbers[entry.record.name] = nil }
            if entry.collection != nil { openCount -= 1 }
            return entry
        }
    }

    let store: any Store
    let budget: OpenCollections
    let deltaMemory: DeltaMemory
    let table = Mutex(Table())
    private let published = Atomic<UInt64>(0)
    private let gate = CallLock()
    let caughtUp = Mutex<(@Sendable (Collection) -> Void)?>(nil)

    /// Knows every collection of a store, and opens them, if all may be open: damage shows at
    /// once then.
    init(_ store: any Store, budget: OpenCollections = OpenCollections()) throws(LodestoneError) {
        self.store = store
        self.budget = budget
        deltaMemory = DeltaMemory(limit: budget.bytes)
        try reading { (reader) throws(LodestoneError) in
            let records = try reader.collections()
            let opensAll = records.count <= budget.count
            for record in records {
                let contents = opensAll ? try CollectionContents.load(record, from: reader) : nil
                add(
                    record,
                    contents.map {
                        Collection(record, contents: $0, countedIn: deltaMemory)
                    }
                )
            }
            try noteEnd(of: reader)
        }
    }

    /// Every batch up to this one is visible.
    var sequenceNumber: UInt64 { published.load(ordering: .acquiring) }

    /// The open collections, by name.
    var opened: [Collection] {
        table.withLock { $0.entries.values.compactMap(\.collection) }.sorted { $0.name < $1.name }
    }

    /// Every collection, by name.
    var catalog: [CollectionRecord] {
        table.withLock { $0.entries.values.map(\.record) }.sorted { $0.name < $1.name }
    }

    /// A collection, whether it is open or not.
    func record(named name: String) -> CollectionRecord? {
        table.withLock { table in table.numbers[name].flatMap { table.entries[$0]?.record } }
    }

    /// A collection, if it is open.
    func opened(_ number: CollectionNumber) -> Collection? {
        table.withLock { $0.entries[number]?.collection }
    }

    func nextCollectionNumber() -> CollectionNumber {
        table.withLock { table in
            defer { table.nextNumber += 1 }
            return table.nextNumber
        }
    }

    /// Adds a collection that was created; inside the gate.
    func add(_ record: CollectionRecord, _ collection: Collection?) {
        table.withLock { $0.add(Entry(record: record, collection: collection)) }
        if collection != nil { closeUnused() }
    }

    /// Removes a collection that was dropped, here or by another process; inside the gate.
    func remove(_ number: CollectionNumber) {
        table.withLock { $0.remove(number) }?.collection?.markDropped()
        store.letGo(of: number)
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

    /// Does the same, unless another thread stays at work on the collections: calls that people make
    /// because something hangs must not hang, too.
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
    func reading<T>(
        for context: CallContext? = nil,
        _ body: (any StoreReader) throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T {
        // A compaction takes longer than to begin again.
        for _ in 0..<10 {
            let reader = try store.beginRead(context: context)
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
                if PlantedBug.forgottenLogPassedOver.isPlanted {
                    return publish(reader.sequenceNumber)
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
        try reader.forEachChange(
            after: sequenceNumber,
            of: nil,
            // Thousands of closed ones would open a segment each.
            readingVectors: { opened($0) != nil }
        ) { (change) throws(LodestoneError) in
            let number = change.collection
            switch change.kind {
            case .createCollection:
                table.withLock { $0.nextNumber = max($0.nextNumber, number + 1) }
                // One that is gone again by now is not worth showing.
                if let record = try reader.record(of: number), !contains(number) {
                    add(record, nil)
                }
            case .dropCollection:
                changed[number] = nil
                remove(number)
            case .rows, .alterCollection:
                guard contains(number), let record = try reader.record(of: number) else { return }
                note(record, changedBy: change.sequenceNumber)
                // A closed one needs nothing: its log is read when it is opened.
                guard let collection = opened(number) else { return }
                var contents = changed.removeValue(forKey: number) ?? collection.contents
                if !contents.canChange {
                    contents = try CollectionContents.load(record, from: reader)
                }
                try contents.replay(change, of: record, from: reader)
                changed[number] = contents
            }
        }
        let collections = changed.keys.compactMap { opened($0) }
        for collection in collections {
            if let contents = changed[collection.number] { collection.replace(contents) }
        }
        published.store(reader.sequenceNumber, ordering: .releasing)
        if let body = caughtUp.withLock({ $0 }) { collections.forEach(body) }
    }

    private func contains(_ number: CollectionNumber) -> Bool {
        table.withLock { $0.entries[number] != nil }
    }

    /// Takes in that a collection is another one than before.
    private func note(_ record: CollectionRecord, changedBy sequenceNumber: UInt64) {
        table.withLock { table in
            table.entries[record.number]?.record = record
            table.entries[record.number]?.description = nil
            table.entries[record.number]?.lastChange = sequenceNumber
        }
    }

    /// Brings the open collections to the state of a reader; of one whose base is no newer than what is
    /// here, the log still has what came since.
    private func load(from reader: any StoreReader) throws(LodestoneError) {
        let records = try reader.collections()
        var loaded: [(Collection, CollectionContents)] = []
        for record in records {
            guard let collection = opened(record.number) else { continue }
            var contents = collection.contents
            if contents.canChange, contents.options == record.options,
                try reader.base(of: record.number)?.sequenceNumber ?? 0 <= sequenceNumber
            {
                try contents.replay(record, from: reader)
                loaded.append((collection, contents))
            } else {
                loaded.append((collection, try CollectionContents.load(record, from: reader)))
            }
        }
        // First those that were dropped: another may have been created under their name.
        let numbers = Set(records.map(\.number))
        for number in table.withLock({ Array($0.entries.keys) }) where !numbers.contains(number) {
            remove(number)
        }
        for record in records {
            if contains(record.number) {
                note(record, changedBy: reader.sequenceNumber)
            } else {
                add(record, nil)
            }
        }
        for (collection, contents) in loaded { collection.replace(contents) }
        try noteEnd(of: reader)
    }

    private func noteEnd(of reader: any StoreReader) throws(LodestoneError) {
        let next = try reader.nextCollectionNumber()
        table.withLock { $0.nextNumber = max($0.nextNumber, next) }
        published.store(reader.sequenceNumber, ordering: .releasing)
    }
}
