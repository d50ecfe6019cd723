// SPDX-License-Identifier: Apache-2.0
import Dispatch
public import LodestoneCore

/// The engine for callers in Swift concurrency.
///
/// Work runs on the engine's queues, apart from short walks, and never blocks the cooperative pool.
/// Cancelling the task ends it.
extension Engine {
    /// The longest time that a call may hold the calling thread.
    private static let maxShortTime = Duration.microseconds(200)

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

    /// Changes a collection's vector index strategy and its indexed metadata fields.
    ///
    /// The indexes are then built in the background. The current strategy, a field that is already
    /// indexed, and a dropped field without an index change nothing.
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

    /// Writes documents and edges, all or none.
    ///
    /// On return they are durable, and every search that starts later sees them.
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

    /// Returns the results of queries in one version of a collection.
    public func search(
        _ request: SearchRequest,
        timeout: Duration = Limits.standard.defaultDeadline
    ) async throws(LodestoneError) -> SearchResponse {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.search(request, context: context)
        }
    }

    /// Walks the graph of a collection.
    ///
    /// A short walk runs in the calling thread, where it takes some tens of microseconds: a change
    /// of threads would take longer.
    public func walk(_ request: WalkRequest, timeout: Duration = Limits.standard.defaultDeadline)
        async throws(LodestoneError) -> WalkResponse
    {
        if !Task.isCancelled, timeout > .zero {
            let end = ContinuousClock.now.advanced(by: min(timeout, Self.maxShortTime))
            let context = CallContext(deadline: end)
            if case .done(let response) = try walkInline(request, until: end, context: context) {
                return response
            }
        }
        return try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.walk(request, context: context)
        }
    }

    /// Returns a page of the edges of one document.
    public func listEdges(
        _ request: ListEdgesRequest,
        timeout: Duration = Limits.standard.defaultDeadline
    ) async throws(LodestoneError) -> ListEdgesResponse {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.listEdges(request, context: context)
        }
    }

    /// Returns documents by id: the existing ones, in the order of the ids.
    public func get(_ request: GetRequest, timeout: Duration = Limits.standard.defaultDeadline)
        async throws(LodestoneError) -> [Document]
    {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.get(request, context: context)
        }
    }

    /// Returns a page of a collection's documents.
    public func scan(_ request: ScanRequest, timeout: Duration = Limits.standard.defaultDeadline)
        async throws(LodestoneError) -> ScanResponse
    {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.scan(request, context: context)
        }
    }

    /// Counts the documents that satisfy a filter, and the values of fields among them.
    public func count(_ request: CountRequest, timeout: Duration = Limits.standard.defaultDeadline)
        async throws(LodestoneError) -> CountResponse
    {
        try await read(timeout) { (engine, context) throws(LodestoneError) in
            try engine.count(request, context: context)
        }
    }

    /// Writes a new base of a collection, with the changes since the previous base.
    ///
    /// This also happens automatically after enough writes. Searches and writes continue meanwhile.
    ///
    /// - Returns: The sequence number of the last batch in the base.
    @discardableResult
    public func compact(_ collection: String) async throws(LodestoneError) -> UInt64 {
        let result = await withCheckedContinuation { continuation in
            compact(collection) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Rebuilds the index of a collection, and returns when the index is in use.
    ///
    /// This also happens automatically when the strategy changes, and after enough writes. Searches
    /// and writes continue meanwhile. Cancelling the task ends the build; the earlier index stays
    /// in use.
    ///
    /// - Returns: The sequence number up to which the index covers the collection.
    @discardableResult
    public func buildIndex(_ collection: String, timeout: Duration = Limits.maxBuildTime)
        async throws(LodestoneError) -> UInt64
    {
        let context = CallContext(timeout: timeout)
        let result: Result<UInt64, LodestoneError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // The build has its own thread: it would block one of the engine's search threads
                // for minutes.
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
        let result = await call.outcome { call in
            // Checking and encoding a batch takes time, so these steps have their own pool.
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
        let result = await call.outcome { call in
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
