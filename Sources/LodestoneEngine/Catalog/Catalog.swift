// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import LodestoneStructures
import Synchronization

/// The catalog: the collections by name, and the sequence number up to which all of them are
/// current.
///
/// An open collection has its version in memory; a closed one has only its record. The first use
/// opens a collection. An unused one is closed when too many are open (`Catalog+Open.swift`).
///
/// Threading: the table is behind a mutex. Each thread that changes collections holds `lock`: the
/// writer, from its first read of them until its commit is visible; a thread that catches up with
/// other processes; a compaction while it installs a new version. No thread waits for another
/// process while it holds the lock: the writer takes the store's lock first.
final class Catalog: Sendable {
    struct Entry {
        /// The record.
        ///
        /// The current options of an open collection are in the collection.
        var record: CollectionRecord
        var collection: Collection?
        /// The description of a closed collection; `nil` when it is unknown.
        ///
        /// Closing the collection or `describeClosed` sets the description. A write of another
        /// process removes the description.
        var description: CollectionDescription?
        /// The last batch of another process that changed the collection.
        var lastChange: UInt64 = 0
        /// The value of the use counter at its last use.
        var lastUse: UInt64 = 0
        /// The lock of the thread that opens the collection.
        let opening = CallLock()
    }

    struct Table {
        var entries: [CollectionNumber: Entry] = [:]
        var numbers: [String: CollectionNumber] = [:]
        var nextNumber: CollectionNumber = 1
        var useCount: UInt64 = 0
        var openCount = 0
        /// The number of openings since the bytes of all open collections were counted.
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
            // Another collection may have the name now.
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
    private let lock = CallLock()
    let caughtUp = Mutex<(@Sendable (Collection) -> Void)?>(nil)

    /// Reads the records of all collections, and opens them if all may be open.
    ///
    /// Opening all of them reveals damage at once.
    init(_ store: any Store, budget: OpenCollections = OpenCollections()) throws(LodestoneError) {
        self.store = store
        self.budget = budget
        deltaMemory = DeltaMemory(limit: budget.bytes)
        try reading { (reader) throws(LodestoneError) in
            let records = try reader.collections()
            let opensAll = records.count <= budget.count
            for record in records {
                let version = opensAll ? try CollectionVersion.load(record, from: reader) : nil
                add(
                    record,
                    version.map {
                        Collection(record, version: $0, countedIn: deltaMemory)
                    }
                )
            }
            try noteEnd(of: reader)
        }
    }

    /// The sequence number of the last batch that is visible in all collections.
    var sequenceNumber: UInt64 { published.load(ordering: .acquiring) }

    /// The open collections, in the order of their names.
    var opened: [Collection] {
        table.withLock { $0.entries.values.compactMap(\.collection) }.sorted { $0.name < $1.name }
    }

    /// The records of all collections, in the order of their names.
    var records: [CollectionRecord] {
        table.withLock { $0.entries.values.map(\.record) }.sorted { $0.name < $1.name }
    }

    /// The record of a collection, open or closed.
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

    /// Adds a collection that was created; runs under the lock.
    func add(_ record: CollectionRecord, _ collection: Collection?) {
        table.withLock { $0.add(Entry(record: record, collection: collection)) }
        if collection != nil { closeUnused() }
    }

    /// Removes a collection that was dropped, here or by another process; runs under the lock.
    func remove(_ number: CollectionNumber) {
        table.withLock { $0.remove(number) }?.collection?.markDropped()
        store.closeSegments(of: number)
    }

    // MARK: Changes

    /// Runs `body` as the only change to collections.
    ///
    /// `body` publishes the sequence number of the collections by its argument.
    ///
    /// - Throws: The errors of `body`; the end of `context`, if it ends during the wait for the
    ///   lock.
    func withExclusiveAccess<T>(
        for context: CallContext? = nil,
        _ body: (Lock) throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T {
        try lock.withLock(while: { () throws(LodestoneError) in try context?.check() }) {
            () throws(LodestoneError) in
            try body(Lock(catalog: self))
        }
    }

    /// Sets the function that is called with every collection that a replay of the log has changed,
    /// or that was rebuilt from its rows.
    func onCatchUp(_ body: @escaping @Sendable (Collection) -> Void) {
        caughtUp.withLock { $0 = body }
    }

    /// Applies the commits of other processes, if there are any.
    ///
    /// The check takes a nanosecond when there are none.
    ///
    /// - Throws: The end of `context`, if it ends during the wait for another change.
    func catchUp(for context: CallContext? = nil) throws(LodestoneError) {
        guard isBehind else { return }
        try withExclusiveAccess(for: context) { (lock) throws(LodestoneError) in try catchUp(lock) }
    }

    /// Applies the commits of other processes, unless another thread holds the lock for too long.
    ///
    /// The calls that describe collections use this method. They often serve to diagnose a store
    /// that hangs, so they must not hang.
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

    private func catchUp(_ lock: Lock) throws(LodestoneError) {
        guard isBehind else { return }
        try reading { (reader) throws(LodestoneError) in try lock.catchUp(with: reader) }
    }

    /// Runs `body` with a reader of the latest state.
    ///
    /// `body` runs again when a compaction has moved vectors that the state names.
    func reading<T>(
        for context: CallContext? = nil,
        _ body: (any StoreReader) throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T {
        // An attempt is shorter than a compaction, so a few attempts suffice.
        for _ in 0..<10 {
            let reader = try store.beginRead(context: context)
            defer { reader.end() }
            do throws(LodestoneError) {
                return try body(reader)
            } catch {
                guard error.reason == .vectorsMoved else { throw error }
            }
        }
        throw .broken("the vectors are moved all the time")
    }

    /// The right to change collections.
    struct Lock {
        fileprivate let catalog: Catalog

        /// Makes all batches up to this one visible in every collection.
        func publish(_ sequenceNumber: UInt64) {
            catalog.published.store(sequenceNumber, ordering: .releasing)
        }

        /// The version of a collection, ready for changes.
        ///
        /// The version is rebuilt from the rows when it is damaged, or when a change to it has
        /// failed halfway.
        func changeable(_ collection: Collection) throws(LodestoneError) -> CollectionVersion {
            let version = collection.version
            return version.canChange ? version : try catalog.rebuild(collection)
        }

        /// Applies the log to every collection, up to the state of a reader.
        func catchUp(with reader: any StoreReader) throws(LodestoneError) {
            guard reader.sequenceNumber > catalog.sequenceNumber else { return }
            do throws(LodestoneError) {
                try catalog.replay(from: reader)
            } catch {
                guard [.logForgotten, .vectorsMoved].contains(error.reason) else {
                    throw error
                }
                if Planted.skipsForgottenLog { return publish(reader.sequenceNumber) }
                try catalog.load(from: reader)
            }
        }
    }

    private func rebuild(_ collection: Collection) throws(LodestoneError) -> CollectionVersion {
        let version = try reading { (reader) throws(LodestoneError) in
            try CollectionVersion.rebuild(record(of: collection, in: reader), from: reader)
        }
        collection.replace(version)
        // The collection may need a base and an index.
        if let body = caughtUp.withLock({ $0 }) { body(collection) }
        return version
    }

    private func replay(from reader: any StoreReader) throws(LodestoneError) {
        // Changes are applied to copies that are installed at the end, so readers never wait.
        var changed: [CollectionNumber: CollectionVersion] = [:]
        try reader.forEachChange(
            after: sequenceNumber,
            of: nil,
            // The vectors of closed collections are not read: thousands would open a segment each.
            readingVectors: { opened($0) != nil }
        ) { (change) throws(LodestoneError) in
            let number = change.collection
            switch change.kind {
            case .createCollection:
                table.withLock { $0.nextNumber = max($0.nextNumber, number + 1) }
                // A collection that a later batch dropped is not added.
                if let record = try reader.record(of: number), !contains(number) {
                    add(record, nil)
                }
            case .dropCollection:
                changed[number] = nil
                remove(number)
            case .rows, .alterCollection:
                guard contains(number), let record = try reader.record(of: number) else { return }
                note(record, changedBy: change.sequenceNumber)
                // A closed collection needs no replay: its log is read when it is opened.
                guard let collection = opened(number) else { return }
                var version = changed.removeValue(forKey: number) ?? collection.version
                if !version.canChange {
                    version = try CollectionVersion.load(record, from: reader)
                }
                try version.replay(change, of: record, from: reader)
                changed[number] = version
            }
        }
        let collections = changed.keys.compactMap { opened($0) }
        for collection in collections {
            if let version = changed[collection.number] { collection.replace(version) }
        }
        published.store(reader.sequenceNumber, ordering: .releasing)
        if let body = caughtUp.withLock({ $0 }) { collections.forEach(body) }
    }

    private func contains(_ number: CollectionNumber) -> Bool {
        table.withLock { $0.entries[number] != nil }
    }

    /// Updates the entry of a collection that another process has changed.
    private func note(_ record: CollectionRecord, changedBy sequenceNumber: UInt64) {
        table.withLock { table in
            table.entries[record.number]?.record = record
            table.entries[record.number]?.description = nil
            table.entries[record.number]?.lastChange = sequenceNumber
        }
    }

    /// Loads the open collections in a reader's state.
    ///
    /// A collection whose base is no newer than the present version is brought up to date from the
    /// log.
    private func load(from reader: any StoreReader) throws(LodestoneError) {
        let records = try reader.collections()
        var loaded: [(Collection, CollectionVersion)] = []
        for record in records {
            guard let collection = opened(record.number) else { continue }
            var version = collection.version
            if version.canChange, version.options == record.options,
                try reader.base(of: record.number)?.sequenceNumber ?? 0 <= sequenceNumber
            {
                try version.replay(record, from: reader)
                loaded.append((collection, version))
            } else {
                loaded.append((collection, try CollectionVersion.load(record, from: reader)))
            }
        }
        // Dropped collections are removed first, because another collection may have the name of
        // one.
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
        for (collection, version) in loaded { collection.replace(version) }
        try noteEnd(of: reader)
    }

    private func noteEnd(of reader: any StoreReader) throws(LodestoneError) {
        let next = try reader.nextCollectionNumber()
        table.withLock { $0.nextNumber = max($0.nextNumber, next) }
        published.store(reader.sequenceNumber, ordering: .releasing)
    }
}
