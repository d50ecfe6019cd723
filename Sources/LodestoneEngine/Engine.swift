// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore

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

        /// Creates options.
        public init(durability: Durability = .full, limits: Limits = .standard) {
            self.durability = durability
            self.limits = limits
        }
    }

    /// A change to the store.
    package enum Write: Sendable {
        case createCollection(name: String, CollectionOptions)
        case dropCollection(name: String)
        case indexMany(IndexManyRequest)
        case dropMany(DropManyRequest)
    }

    /// Opens the store in `directory`, which is created when it does not exist.
    ///
    /// - Throws: `.failedPrecondition` when another process has it open, or when its format is
    ///   newer than this release; `.dataLoss` when it is damaged.
    public static func open(directory: String, options: Options = Options())
        throws(LodestoneError) -> Engine
    {
        Engine()
    }

    /// Finishes the writes under way, folds the write-ahead log and lets go of the directory.
    public func close() {}

    /// The sequence number of the last batch that searches can see.
    package var sequenceNumber: UInt64 { 0 }

    /// Queues a write. `completion` runs on a queue of the engine once the write is durable and
    /// visible, or has failed.
    package func write(
        _ write: Write,
        requestID: RequestID?,
        context: CallContext,
        completion: @escaping @Sendable (Result<WriteReceipt, LodestoneError>) -> Void
    ) {
        completion(.failure(.broken("not built yet")))
    }

    package func search(_ request: SearchRequest, context: CallContext) throws(LodestoneError)
        -> SearchResponse
    { throw .broken("not built yet") }

    package func walk(_ request: WalkRequest, context: CallContext) throws(LodestoneError)
        -> WalkResponse
    { throw .broken("not built yet") }

    package func get(_ request: GetRequest, context: CallContext) throws(LodestoneError)
        -> [Document]
    { throw .broken("not built yet") }

    package func scan(_ request: ScanRequest, context: CallContext) throws(LodestoneError)
        -> ScanResponse
    { throw .broken("not built yet") }

    package func collections() -> [CollectionDescription] { [] }

    package func describe(_ name: String) throws(LodestoneError) -> CollectionDescription {
        throw .noCollection(name)
    }

    package func stats() -> Stats {
        Stats(
            serverVersion: LodestoneVersion.release, storeVersion: "", sequenceNumber: 0,
            collections: [], statistics: [])
    }
}
