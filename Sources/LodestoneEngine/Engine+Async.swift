// SPDX-License-Identifier: Apache-2.0
import Dispatch
public import LodestoneCore

/// The engine for callers in Swift concurrency: work runs on the engine's queues, never on the
/// cooperative pool; cancelling the task ends it.
extension Engine {
    /// Creates a collection.
    ///
    /// - Throws: `.alreadyExists`, or `.invalidArgument` for a bad name or option.
    @discardableResult
    public func createCollection(
        _ name: String,
        _ options: CollectionOptions,
        requestID: RequestID = .random()
    ) async throws(LodestoneError) -> WriteReceipt {
        try await write(.createCollection(name: name, options), requestID: requestID)
    }

    /// Changes how a collection finds near vectors, and which fields of the metadata are indexed; the
    /// indexes are then built in the background.
    ///
    /// The same strategy again, a field that is indexed and one to drop that isn't change nothing.
    ///
    /// - Throws: `.notFound`, or `.invalidArgument` for an option out of range or too many fields.
    @discardableResult
    public func alterCollection(
        _ name: String,
        _ strategy: VectorIndexStrategy? = nil,
        addIndexes: [MetadataIndex] = [],
        dropIndexes: [MetadataIndex] = [],
        requestID: RequestID = .random()
    ) async throws(LodestoneError) -> WriteReceipt {
        let change = CollectionChange(
            vectorStrategy: strategy,
            addedIndexes: addIndexes,
            droppedIndexes: dropIndexes
        )
        return try await write(.alterCollection(name: name, change), requestID: requestID)
    }

    /// Drops a collection with everything in it.
    @discardableResult
    public func dropCollection(_ name: String, requestID: RequestID = .random())
        async throws(LodestoneError) -> WriteReceipt
    {
        try await write(.dropCollection(name: name), requestID: requestID)
    }

    /// Writes documents and edges, all or none; on return they are durable and every search that
    /// starts later sees them.
    @discardableResult
    public func indexMany(_ request: IndexManyRequest, requestID: RequestID = .random())
        async throws(LodestoneError) -> WriteReceipt
    {
        try await write(.indexMany(request), requestID: requestID)
    }

    /// Drops documents and edges, all or none.
    @discardableResult
    public func dropMany(_ request: DropManyRequest, requestID: RequestID = .random())
        async throws(LodestoneError) -> WriteReceipt
    {
        try await write(.dropMany(request), requestID: requestID)
    }

    /// Answers questions from one state of a collection.
    public func search(
        _ request: SearchRequest,
        timeout: Duration = Limits.standard.defaultDeadline
    ) async throws(LodestoneError) -> SearchResponse {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.search(request, context: context)
        }
    }

    /// Walks the graph of a collection.
    public func walk(_ request: WalkRequest, timeout: Duration = Limits.standard.defaultDeadline)
        async throws(LodestoneError) -> WalkResponse
    {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.walk(request, context: context)
        }
    }

    /// A page of the edges of one document.
    public func listEdges(
        _ request: ListEdgesRequest,
        timeout: Duration = Limits.standard.defaultDeadline
    ) async throws(LodestoneError) -> ListEdgesResponse {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.listEdges(request, context: context)
        }
    }

    /// Documents by id: those that exist, in the order asked for.
    public func get(_ request: GetRequest, timeout: Duration = Limits.standard.defaultDeadline)
        async throws(LodestoneError) -> [Document]
    {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.get(request, context: context)
        }
    }

    /// A page of a collection.
    public func scan(_ request: ScanRequest, timeout: Duration = Limits.standard.defaultDeadline)
        async throws(LodestoneError) -> ScanResponse
    {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.scan(request, context: context)
        }
    }

    /// How many documents satisfy a filter, and how often values occur among them.
    public func count(_ request: CountRequest, timeout: Duration = Limits.standard.defaultDeadline)
        async throws(LodestoneError) -> CountResponse
    {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.count(request, context: context)
        }
    }

    /// Folds what was written to a collection since its base into a new base.
    ///
    /// It happens by itself once enough has been written; searches and writes go on meanwhile.
    ///
    /// - Returns: The sequence number of the last batch in the base.
    @discardableResult
    public func compact(_ collection: String) async throws(LodestoneError) -> UInt64 {
        let result = await withCheckedContinuation { continuation in
            compact(collection) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Builds the index of a collection anew; returns when it serves.
    ///
    /// It happens by itself when the strategy changes and once enough has been written; searches
    /// and writes go on meanwhile. Cancelling the task ends it, and what answered before goes on.
    ///
    /// - Returns: The sequence number up to which the index goes.
    @discardableResult
    public func buildIndex(_ collection: String, timeout: Duration = Limits.maxBuildTime)
        async throws(LodestoneError) -> UInt64
    {
        let context = CallContext(timeout: timeout)
        let result: Result<UInt64, LodestoneError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // A thread of its own: it would keep searches from the engine's for minutes.
                DispatchQueue(label: "lodestone.build", qos: .utility).async {
                    continuation.resume(
                        returning: Result { () throws(LodestoneError) in
                            try self.buildIndex(collection, context: context)
                        }
                    )
                }
            }
        } onCancel: {
            context.cancel()
        }
        return try result.get()
    }

    private func write(_ write: Write, requestID: RequestID) async throws(LodestoneError)
        -> WriteReceipt
    {
        let call = AwaitedCall<WriteReceipt>(CallContext(timeout: options.limits.maxDeadline))
        let result = await call.answer { call in
            // Checking and encoding a batch takes a while, too.
            preparations.async(until: call.context.deadline, orElse: { call.endIfOver() }) {
                if call.context.isOver { return call.endIfOver() }
                self.write(
                    write,
                    requestID: requestID,
                    context: call.context,
                    begin: { call.begin() },
                    completion: { call.finish($0) }
                )
            }
        }
        return try result.get()
    }

    func read<T: Sendable>(
        _ timeout: Duration,
        _ body: @escaping @Sendable (Engine, CallContext) throws(LodestoneError) -> T
    ) async throws(LodestoneError) -> T {
        let call = AwaitedCall<T>(CallContext(timeout: timeout))
        let result = await call.answer { call in
            pool.async(until: call.context.deadline, orElse: { call.endIfOver() }) {
                guard call.begin() else { return }
                call.finish(
                    Result { () throws(LodestoneError) in try body(self, call.context) }
                )
            }
        }
        return try result.get()
    }
}
