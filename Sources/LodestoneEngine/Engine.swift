// SPDX-License-Identifier: Apache-2.0
// Collections, planning and fusion: the only place where storage, vectors, text and graph meet.
import Dispatch
import LodestoneANN
public import LodestoneCore
import LodestoneFiles
package import LodestoneStorage
import LodestoneText
import Synchronization

/// An open store with its collections.
///
/// A server serves an engine; a program that imports `LodestoneEngine` runs one without a server.
///
/// Threading: every method may be called from any thread. The synchronous ones block their thread
/// and must not run on the cooperative pool; tasks use the asynchronous ones.
public final class Engine: Sendable {
    /// The options for opening a store.
    public struct Options: Sendable {
        /// The failures that an acknowledged write survives.
        public var durability: Durability
        /// The limits on requests.
        public var limits: Limits

        /// The conditions for the compaction of a collection.
        public var compaction: CompactionPolicy

        /// The limits on open collections.
        public var openCollections: OpenCollections

        /// The bytes of memory for vector graphs that are built or linked into.
        ///
        /// Graphs beyond that are in files of the store's directory. `nil`: no limit. The limit
        /// applies to the whole process; the engine that was opened last sets it.
        public var graphMemory: Int?

        /// The bytes of memory for SQLite's caches, for the whole process like `graphMemory`.
        ///
        /// `nil`: 16 MiB per connection; some dozen connections may be open.
        public var cacheMemory: Int?

        /// Whether the engine only reads; other processes may write to the store.
        ///
        /// The store must exist in the format of this release. On a read-only file system it must
        /// also have been closed before. Writes, compactions, builds, erasures and changes of
        /// snapshots fail with `READ_ONLY`.
        public var isReadOnly: Bool

        /// The limit on the edges that a row keeps when it is written.
        package var edgesInRow = EdgesInRow()

        /// Creates options.
        public init(
            durability: Durability = .full,
            limits: Limits = .standard,
            compaction: CompactionPolicy = CompactionPolicy(),
            openCollections: OpenCollections = OpenCollections(),
            graphMemory: Int? = nil,
            cacheMemory: Int? = nil,
            isReadOnly: Bool = false
        ) {
            self.durability = durability
            self.limits = limits
            self.compaction = compaction
            self.openCollections = openCollections
            self.graphMemory = graphMemory
            self.cacheMemory = cacheMemory
            self.isReadOnly = isReadOnly
        }
    }

    /// A change to the store.
    package enum Write: Sendable {
        case createCollection(name: String, CollectionOptions)
        case alterCollection(name: String, CollectionChange)
        case dropCollection(name: String)
        case indexMany(IndexManyRequest)
        case dropMany(DropManyRequest)
    }

    let store: any Store
    let catalog: Catalog
    let options: Options
    let pool = BlockingPool(
        label: "lodestone.engine",
        width: Processors.count
    )
    /// The threads that check and encode writes, so that long searches on `pool` don't delay them.
    let preparations = BlockingPool(label: "lodestone.preparation", width: Processors.count)
    /// Whether a snapshot, a verification or an erasure is running.
    let isMaintaining = Atomic<Bool>(false)
    let writer: Writer
    /// Opens collections in the background.
    private let opener = DispatchQueue(label: "lodestone.opener", qos: .utility)
    private let isClosing = Atomic<Bool>(false)
    let compactor: Compactor
    /// The names of the collections whose words were rebuilt when the store was opened.
    ///
    /// Another release, libstemmer or Unicode table had made their earlier words.
    ///
    /// The list has every collection with an index that was `isStale`. So far only the index of
    /// words can be stale. A second such index must be distinguished here.
    package let remadeWords: [String]

    /// Opens the store in `directory`, and creates it when it does not exist.
    ///
    /// Other processes may have the same store open; each sees what the others have acknowledged.
    ///
    /// Words that another release, libstemmer or Unicode table made are rebuilt first.
    ///
    /// - Throws: `.failedPrecondition` in three cases: the format is newer than this release,
    ///   another process with a different analysis has the store open, or a store that is opened
    ///   for reading only needs an upgrade. `.notFound` when there is no store to read. `.dataLoss`
    ///   when it is damaged. `.invalidArgument` for a limit that is out of its range.
    public static func open(directory: String, options: Options = Options())
        throws(LodestoneError) -> Engine
    {
        try options.limits.checkRequests()
        if let graphMemory = options.graphMemory {
            GraphMemory.limit(to: graphMemory) { ScratchFile.map($0, in: directory) }
        }
        if let cacheMemory = options.cacheMemory { SQLiteMemory.limit(to: cacheMemory) }
        let store =
            options.isReadOnly
            ? try SQLiteStore(readingFrom: directory, analysis: FTS5Analysis())
            : try SQLiteStore(
                directory: directory,
                durability: options.durability,
                analysis: FTS5Analysis(),
                edgesInRow: options.edgesInRow
            )
        return try Engine(store: store, options: options)
    }

    init(store: any Store, options: Options) throws(LodestoneError) {
        self.store = store
        self.options = options
        catalog = try Catalog(store, budget: options.openCollections)
        compactor = Compactor(catalog, policy: options.compaction)
        remadeWords =
            (store.remadeWords + catalog.opened.filter(\.version.hasRebuiltIndex).map(\.name))
            .sorted()
        writer = Writer(store: store, catalog: catalog, compactor: compactor)
        // A process that ended may have left changes to compact; a restored snapshot has no bases.
        for collection in catalog.opened { compactor.consider(collection) }
        if catalog.opened.isEmpty && !store.isReadOnly {
            opener.async {
                self.catalog.openUncompacted { !self.isClosing.load(ordering: .relaxed) }
            }
        }
    }

    /// A collection to which the commits of other processes are applied.
    func collection(named name: String, _ context: CallContext? = nil) throws(LodestoneError)
        -> Collection
    {
        try catalog.catchUp(for: context)
        return try catalog.get(name, for: context)
    }

    /// Writes a new base of a collection, in the background.
    ///
    /// `completion` gets the sequence number of the base, on a queue of the engine.
    package func compact(
        _ name: String,
        completion: @escaping @Sendable (Result<UInt64, LodestoneError>) -> Void
    ) {
        // Another thread does this, because the commits of other processes are applied first.
        preparations.async { [self] in
            do throws(LodestoneError) {
                try store.refuseIfReadOnly()
                compactor.compact(try collection(named: name), completion: completion)
            } catch {
                completion(.failure(error))
            }
        }
    }

    /// Rebuilds the index of a collection, on the calling thread.
    ///
    /// Writes and searches continue; the earlier index stays in use until the build is done.
    ///
    /// - Returns: The sequence number up to which the index covers the collection.
    /// - Throws: `.notFound`; `.cancelled` or `.deadlineExceeded`; the new index is then discarded.
    package func buildIndex(_ name: String, context: CallContext) throws(LodestoneError) -> UInt64 {
        try store.refuseIfReadOnly()
        return try compactor.build(try collection(named: name, context), context: context)
    }

    /// Finishes the queued writes, cancels builds and compactions, and closes the store.
    public func close() {
        isClosing.store(true, ordering: .relaxed)
        opener.sync {}
        writer.close()
        compactor.close()
        store.close()
    }

    /// The name and version of the underlying database, for display.
    package var storeVersion: String { store.version }

    /// The sequence number of the last visible batch of any process.
    package var sequenceNumber: UInt64 {
        // A search applies other processes' commits first.
        max(catalog.sequenceNumber, store.sharedSequenceNumber)
    }

    /// Queues a write.
    ///
    /// `completion` runs on a queue of the engine once the write is durable and visible, or has
    /// failed. An invalid write fails at once. The writer calls `begin` before it writes anything.
    /// If `begin` returns false, the write is skipped without a call of `completion`.
    package func write(
        _ write: Write,
        requestID: RequestID?,
        context: CallContext,
        begin: @escaping @Sendable () -> Bool = { true },
        completion: @escaping @Sendable (Result<WriteReceipt, LodestoneError>) -> Void
    ) {
        do throws(LodestoneError) {
            writer.enqueue(
                PendingWrite(
                    write: try prepare(write, context),
                    requestID: requestID,
                    context: context,
                    begin: begin,
                    completion: completion
                )
            )
        } catch {
            completion(.failure(error))
        }
    }

    /// - Throws: `OVERLOADED` while the changes since the bases take all of their memory.
    private func refuseIfMemoryIsShort(byteCount: Int = 0, count: Int = 0)
        throws(LodestoneError)
    {
        do throws(LodestoneError) {
            try catalog.deltaMemory.checkRoom(for: byteCount, count: count)
        } catch {
            compactor.relieveMemory()
            throw error
        }
    }

    private func prepare(_ write: Write, _ context: CallContext) throws(LodestoneError)
        -> PreparedWrite
    {
        try store.refuseIfReadOnly()
        try context.check()
        switch write {
        case .createCollection, .alterCollection, .dropCollection:
            try context.refuseIfRestricted("a change of a collection")
        case .indexMany, .dropMany: break
        }
        switch write {
        case .createCollection(let name, let collectionOptions):
            try RequestValidation.collectionName(name)
            try RequestValidation(limits: options.limits).options(collectionOptions)
            return .createCollection(name: name, collectionOptions)
        case .alterCollection(let name, let change):
            let collection = try self.collection(named: name, context)
            try RequestValidation(limits: options.limits).change(
                change,
                dimension: collection.record.options.dimension
            )
            return .alterCollection(collection, change)
        case .dropCollection(let name):
            return .dropCollection(name: name)
        case .indexMany(let request):
            try refuseIfMemoryIsShort(count: request.documents.count + request.edges.count)
            let index = try PreparedIndex(
                request,
                collection: try self.collection(named: request.collection, context),
                limits: options.limits,
                visibility: context.visibility
            )
            try refuseIfMemoryIsShort(byteCount: index.byteCount)
            return .index(index)
        case .dropMany(let request):
            try refuseIfMemoryIsShort()
            let drop = try PreparedDrop(
                request,
                collection: try self.collection(named: request.collection, context),
                limits: options.limits,
                visibility: context.visibility
            )
            if let filter = drop.visibleFilter {
                // The filter runs here first, so that the writer has to check only later documents.
                _ = try matches(filter, in: drop.collection, context)
            }
            return .drop(drop)
        }
    }
}
