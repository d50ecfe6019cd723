// SPDX-License-Identifier: Apache-2.0
// Collections, planning and fusion: the only place where storage, vectors, text and graph meet.
import Dispatch
import LodestoneANN
public import LodestoneCore
import LodestoneFiles
package import LodestoneStorage
import Synchronization

/// A store with its collections, inside this process: what a server serves, and what
/// `import LodestoneEngine` runs without one.
///
/// Threading: every method may be called from any thread. The synchronous ones block their thread
/// and must not run on the cooperative pool; the asynchronous ones are for that.
public final class Engine: Sendable {
    /// How a store is opened.
    public struct Options: Sendable {
        /// What an acknowledged write survives.
        public var durability: Durability
        /// What requests may ask for.
        public var limits: Limits

        /// When deltas are folded into bases.
        public var compaction: CompactionPolicy

        /// How many collections are open at a time.
        public var openCollections: OpenCollections

        /// Bytes of memory that graphs of vectors may take while they are built or linked into.
        ///
        /// What takes more lies in files in the store's directory. `nil`: no limit. It is one for the
        /// process: of several engines the one that was opened last sets it.
        public var graphMemory: Int?

        /// Bytes of memory that SQLite's caches may take, one limit for the process as `graphMemory`.
        ///
        /// `nil`: 16 MiB for each connection, of which some dozen may be open.
        public var cacheMemory: Int?

        /// Whether the store is only read, while other processes may write to it.
        ///
        /// The store must exist then, in the format of this release; on a file system that can't be
        /// written to, it must have been closed before. Writes, compactions, builds, erasures and
        /// changes of snapshots fail with `READ_ONLY`.
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
    let registry: Registry
    let options: Options
    let pool = BlockingPool(
        label: "lodestone.engine",
        width: Processors.count
    )
    /// Where writes are checked and encoded: long searches on `pool` don't keep them waiting.
    let preparations = BlockingPool(label: "lodestone.preparation", width: Processors.count)
    /// Whether a snapshot or a verification is under way.
    let isMaintaining = Atomic<Bool>(false)
    let writer: Writer
    /// Opens collections in the background.
    private let opener = DispatchQueue(label: "lodestone.opener", qos: .utility)
    private let isClosing = Atomic<Bool>(false)
    let compactor: Compactor
    /// The collections whose words were made again when the store was opened, because another release,
    /// libstemmer or Unicode table had made them; by name.
    package let remadeWords: [String]

    /// Opens the store in `directory`, which is created when it does not exist.
    ///
    /// Other processes may have the same store open; each sees what the others have acknowledged.
    ///
    /// Words that another release, libstemmer or Unicode table made of texts are made again first.
    ///
    /// - Throws: `.failedPrecondition` when its format is newer than this release, or another process
    ///   has it open that makes other words of texts, or it would have to be changed and is only read;
    ///   `.notFound` when there is none to be read; `.dataLoss` when it is damaged;
    ///   `.invalidArgument` for a limit that is out of its range.
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
            ? try SQLiteStore(readingFrom: directory)
            : try SQLiteStore(
                directory: directory,
                durability: options.durability,
                edgesInRow: options.edgesInRow
            )
        return try Engine(store: store, options: options)
    }

    init(store: any Store, options: Options) throws(LodestoneError) {
        self.store = store
        self.options = options
        registry = try Registry(store, budget: options.openCollections)
        compactor = Compactor(registry, policy: options.compaction)
        remadeWords =
            (store.remadeWords + registry.opened.filter(\.state.hasRemadeWords).map(\.name))
            .sorted()
        writer = Writer(store: store, registry: registry, compactor: compactor)
        // What a process that ended had not folded yet, or what a snapshot came without.
        for collection in registry.opened { compactor.consider(collection) }
        if registry.opened.isEmpty && !store.isReadOnly {
            opener.async {
                self.registry.openUnfolded { !self.isClosing.load(ordering: .relaxed) }
            }
        }
    }

    /// A collection that any process has created by now.
    func collection(named name: String, _ context: CallContext? = nil) throws(LodestoneError)
        -> Collection
    {
        try registry.catchUp(for: context)
        return try registry.get(name, for: context)
    }

    /// Folds what was written to a collection since its base into a new base, in the background;
    /// `completion` gets the sequence number of the base, on a queue of the engine.
    package func compact(
        _ name: String,
        completion: @escaping @Sendable (Result<UInt64, LodestoneError>) -> Void
    ) {
        // Not on the caller's thread: changes of other processes are taken in first.
        preparations.async { [self] in
            do throws(LodestoneError) {
                try store.refuseIfReadOnly()
                compactor.compact(try collection(named: name), completion: completion)
            } catch {
                completion(.failure(error))
            }
        }
    }

    /// Builds the index of a collection anew, on the calling thread, while writes and searches go
    /// on; whatever answered before does so until it is done.
    ///
    /// - Returns: The sequence number up to which the index goes.
    /// - Throws: `.notFound`; `.cancelled` or `.deadlineExceeded`, and what was built is thrown away.
    package func buildIndex(_ name: String, context: CallContext) throws(LodestoneError) -> UInt64 {
        try store.refuseIfReadOnly()
        return try compactor.build(try collection(named: name, context), context: context)
    }

    /// Finishes the writes under way, gives up builds and compactions, folds the write-ahead log and
    /// lets go of the directory.
    public func close() {
        isClosing.store(true, ordering: .relaxed)
        opener.sync {}
        writer.close()
        compactor.close()
        store.close()
    }

    /// What the store is built on, with its version, for people.
    package var storeVersion: String { store.version }

    /// The sequence number of the last batch that searches can see, whichever process wrote it.
    package var sequenceNumber: UInt64 {
        // A search catches up first.
        max(registry.sequenceNumber, store.sharedSequenceNumber)
    }

    /// Queues a write.
    ///
    /// `completion` runs on a queue of the engine once the write is durable and visible, or has
    /// failed; what the write itself is at fault for is answered at once. `begin` is asked before
    /// anything is written: a write that isn't wanted any more then is left out, unanswered.
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

    /// - Throws: `OVERLOADED` while the changes that are not compacted yet take all of their memory.
    private func refuseIfMemoryIsShort(byteCount: Int = 0, count: Int = 0)
        throws(LodestoneError)
    {
        do throws(LodestoneError) {
            try registry.deltaMemory.checkRoom(for: byteCount, count: count)
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
                limits: options.limits
            )
            try refuseIfMemoryIsShort(byteCount: index.byteCount)
            return .index(index)
        case .dropMany(let request):
            try refuseIfMemoryIsShort()
            let drop = try PreparedDrop(
                request,
                collection: try self.collection(named: request.collection, context),
                limits: options.limits
            )
            if let filter = drop.filter {
                // Found here already, so that the writer has to look only at what comes after.
                _ = try matches(filter, in: drop.collection, context)
            }
            return .drop(drop)
        }
    }
}
