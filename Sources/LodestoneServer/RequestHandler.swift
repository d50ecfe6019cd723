// SPDX-License-Identifier: Apache-2.0
import CoreMetrics
import LodestoneCore
import LodestoneEngine
import LodestoneWire
import Logging
import Synchronization

/// Dispatches a decoded request to the thread that serves it: the loop, a worker, or one of the
/// engine.
///
/// Threading: may be used from every loop and worker.
final class RequestHandler: Sendable {
    let engine: Engine
    let configuration: ServerConfiguration
    /// The credentials; `nil` when every client may make every call.
    let credentials: LiveCredentials?
    let connectionLimiter: ConnectionLimiter
    let metrics: ServerMetrics
    /// The slow requests, and all reads by their shape.
    let slow: SlowLog
    /// The repetition of some searches for their recall; `nil`: none.
    let recall: RecallSampler?
    let logger: Logger
    /// The log of denied calls and tokens.
    let audit: Logger
    let reads: FairQueue
    /// The queue in which the engine checks and prepares writes.
    ///
    /// The writes of one connection keep the order of their arrival. A large batch would keep a
    /// loop from its other connections.
    private let writes: FairQueue
    /// The queue that decodes long frames, off the loop for the same reason.
    let decoding: FairQueue
    let memory: ServerMemory
    /// The gate at which long frames wait for memory.
    let frames: FrameGate
    let output: OutputGate
    let relief: MemoryRelief
    /// The queue that describes collections; a list of all may open thousands.
    let descriptions: FairQueue
    /// Whether maintenance of the whole store is running (`maintain`).
    let isMaintaining = Atomic<Bool>(false)
    let inlineSearches: InlineReads
    let inlineWalks: InlineReads
    /// The number of current calls that build an index: one runs, the others wait for it.
    let builds = Atomic<Int>(0)
    static let maxBuilds = 8

    init(
        engine: Engine,
        configuration: ServerConfiguration,
        logger: Logger,
        metrics factory: any MetricsFactory
    ) {
        metrics = ServerMetrics(factory)
        recall = configuration.recallSampling.map {
            RecallSampler(engine, interval: $0, factory)
        }
        slow = SlowLog(threshold: configuration.slowRequest)
        self.engine = engine
        self.configuration = configuration
        credentials = configuration.credentials.map { LiveCredentials($0) }
        self.logger = logger
        var audit = logger
        audit[metadataKey: "log"] = "audit"
        self.audit = audit
        let limits = configuration.limits
        connectionLimiter = ConnectionLimiter(limits: limits)
        inlineSearches = InlineReads("searches", limit: configuration.maxSearchTimeOnLoop, factory)
        inlineWalks = InlineReads("walks", limit: configuration.maxSearchTimeOnLoop, factory)
        reads = FairQueue(
            label: "lodestone.reads",
            width: configuration.readWorkers,
            extraWidth: 32,
            maxWaiting: limits.maxQueuedReads,
            maxWait: configuration.maxQueueWait
        )
        writes = FairQueue(
            label: "lodestone.writes",
            width: min(max(2, Processors.count), 32),
            extraWidth: 16,
            perConnection: 1
        )
        // At most two frames are decoded at once, because the memory of a decoded request is
        // counted only afterwards.
        decoding = FairQueue(
            label: "lodestone.decoding",
            width: min(2, Processors.count),
            extraWidth: 0,
            perConnection: 1
        )
        descriptions = FairQueue(label: "lodestone.descriptions", width: 2, extraWidth: 6)
        memory = ServerMemory(
            limit: configuration.memoryBudget,
            maxFrameBytes: limits.maxFrameBytes
        )
        frames = FrameGate(memory: memory.frames)
        output = OutputGate(memory: memory.output, replies: memory.replies)
        relief = MemoryRelief(memory)
    }

    /// Serves `request`, now or later; on the loop of the connection.
    func handle(
        _ request: Request,
        as access: Access,
        frameByteCount: Int,
        on connection: Connection
    ) {
        let incoming = IncomingCall(
            request: request,
            kind: CallKind(request.call),
            frameByteCount: frameByteCount,
            connection: connection,
            access: access
        )
        guard permits(incoming) else { return }
        switch request.call {
        case .hello:
            break  // served by the connection
        case .cancel(let id):
            if let call = connection.calls.call(id) { cancel(call, on: connection) }
        case .ping: replyToPing(incoming)
        case .listCollections, .describeCollection, .stats, .slowRequests: describe(incoming)
        case .compact(let collection): compact(collection, incoming)
        case .buildIndex(let collection): build(collection, incoming)
        case .snapshot, .verify, .erase: maintain(incoming)
        case .createCollection(let name, let options):
            write(.createCollection(name: name, options), to: name, incoming)
        case .alterCollection(let name, let change):
            write(.alterCollection(name: name, change), to: name, incoming)
        case .dropCollection(let name): write(.dropCollection(name: name), to: name, incoming)
        case .indexMany(let batch): write(.indexMany(batch), to: batch.collection, incoming)
        case .dropMany(let batch): write(.dropMany(batch), to: batch.collection, incoming)
        case .get(let get): read(get.collection, incoming)
        case .scan(let scan): read(scan.collection, incoming)
        case .count(let count): read(count.collection, incoming)
        case .search(let search): read(search.collection, incoming)
        case .walk(let walk): read(walk.collection, incoming)
        case .listEdges(let request): read(request.collection, incoming)
        case .listSnapshots, .deleteSnapshot, .fetchSnapshot: read(nil, incoming)
        }
    }

    /// Cancels `call`; a call that waits for a worker gets its reply at once.
    func cancel(_ call: PendingCall, on connection: Connection) {
        call.context.cancel()
        endIfWaiting(call, on: connection)
    }

    /// Ends a call whose deadline has passed, if it waits for a worker or for memory.
    func endIfWaiting(_ call: PendingCall, on connection: Connection) {
        let queueID = connection.queueID
        let context = call.context
        if reads.remove(context, of: queueID) || writes.remove(context, of: queueID)
            || descriptions.remove(context, of: queueID) || output.remove(context)
        {
            finishIfOver(call, on: connection)
        }
    }

    /// Deletes the queues of a closed connection.
    func connectionClosed(_ queueID: FairQueue.QueueID) {
        for queue in [reads, writes, decoding, descriptions] { queue.forget(queueID) }
        output.letInIfAnyWaits()
    }

    /// Counts and logs a call before its reply is sent, and frees its memory.
    func ended(_ call: PendingCall, _ reply: Reply, on connection: Connection) {
        let peer = connection.stream.peer
        let time = call.acceptedAt.duration(to: .now)
        memory.requests.release(call.byteCount)
        var reason: LodestoneError.Reason?
        if case .error(let error) = reply {
            reason = error.reason
            if error.code == .internal || error.code == .dataLoss || error.code == .unknown {
                logger.error(
                    "\(error)",
                    metadata: ["call": "\(call.kind.name)", "peer": "\(peer)"]
                )
            }
        }
        metrics.record(
            call.kind,
            reason,
            nanoseconds: time.nanoseconds,
            collection: call.collectionMetrics
        )
        if call.kind == .search {
            metrics.record(call.context.trace, nanoseconds: time.nanoseconds)
        }
        if let limiter = call.access.limiter {
            limiter.count(documents: reply.documentCount(beyond: call.namedCount))
        }
        noteEnded(call, reply, connection)
        if let noted = slow.note(call, reason, nanoseconds: time.nanoseconds, peer: peer) {
            log(noted)
        }
        connectionLimiter.callEnded()
    }

    private func log(_ request: SlowRequest) {
        var metadata: Logger.Metadata = [
            "call": "\(request.call)", "collection": "\(request.collection ?? "")",
            "milliseconds": "\(request.duration.milliseconds)",
            "failed": "\(request.error != nil)", "peer": "\(request.peer)",
        ]
        if let path = request.path { metadata["path"] = "\(path)" }
        if let trace = request.trace { metadata["trace"] = "\(trace)" }
        logger.info("slow request", metadata: metadata)
    }

    // MARK: Calls

    /// Replies with `error` to a call that is not started.
    func refuse(_ incoming: IncomingCall, _ error: LodestoneError) {
        metrics.record(incoming.kind, error.reason, nanoseconds: 0)
        noteReplied(incoming, .failed(error.code, error.reason))
        incoming.reply(.error(error))
    }

    private func write(_ write: Engine.Write, to collection: String, _ incoming: IncomingCall) {
        guard let call = begin(incoming, collection) else { return }
        let requestID = incoming.request.requestID
        let connection = incoming.connection
        let job = FairQueue.Job(context: call.context) { [self] in
            guard !finishIfOver(call, on: connection) else { return }
            metrics.writeWait.recordNanoseconds(call.acceptedAt.duration(to: .now).nanoseconds)
            engine.write(write, requestID: requestID, context: call.context) { result in
                switch result {
                case .success(let receipt): connection.finish(call, .written(receipt))
                case .failure(let error): connection.finish(call, .error(error))
                }
            }
        }
        submit(job, for: call, to: writes, connection)
    }

    /// Adds the job of a call to a queue, or replies with the reason for a refusal.
    func submit(
        _ job: FairQueue.Job,
        for call: PendingCall,
        to queue: FairQueue,
        _ connection: Connection
    ) {
        do throws(LodestoneError) {
            try queue.submit(job, of: connection.queueID)
        } catch {
            connection.finish(call, .error(error))
        }
    }

    /// Ends a call that is cancelled or past its deadline.
    ///
    /// - Returns: Whether the call has ended.
    @discardableResult
    func finishIfOver(_ call: PendingCall, on connection: Connection) -> Bool {
        do {
            try call.context.check()
            return false
        } catch {
            connection.finish(call, .error(error))
            return true
        }
    }

    /// Adds a call to those in flight, or replies with the reason for a refusal.
    func begin(_ incoming: IncomingCall, _ collection: String?) -> PendingCall? {
        let request = incoming.request
        // A description reserves no memory: it needs little, and would otherwise change the figures
        // that it reports.
        let estimate =
            incoming.kind.isDescription
            ? 0
            : RequestMemory.estimate(
                frameByteCount: incoming.frameByteCount,
                call: request.call
            )
        let byteCount = memory.requests.share(of: estimate)
        guard memory.requests.reserve(byteCount) else {
            refuse(incoming, .decodeBudget(estimate, limit: memory.requests.limit))
            return nil
        }
        let limits = configuration.limits
        let now = incoming.connection.stream.loop.roundTime
        // The time of maintenance grows with the store, so its deadline may be longer.
        let time =
            incoming.kind.isMaintenance
            ? min(request.deadline ?? Limits.maxBuildTime, Limits.maxBuildTime)
            : min(request.deadline ?? limits.defaultDeadline, limits.maxDeadline)
        let call = PendingCall(
            id: request.id,
            kind: incoming.kind,
            read: incoming.kind.isRead ? request.call : nil,
            client: incoming.connection.clientName,
            trace: request.trace,
            collection: collection ?? request.call.collectionName,
            access: incoming.access,
            namedCount: request.call.namedCount,
            collectionMetrics: collection.map { incoming.connection.metrics(of: $0) },
            context: CallContext(
                deadline: now.advanced(by: time),
                replyBudget: replyBudget(),
                visibility: incoming.access.visibility
            ),
            acceptedAt: now,
            byteCount: byteCount
        )
        do {
            try incoming.connection.calls.insert(call)
        } catch {
            memory.requests.release(byteCount)
            refuse(incoming, error)
            return nil
        }
        connectionLimiter.callBegan()
        return call
    }

    /// The limits of one reply: a frame on the wire, and a part of the memory of all replies.
    private func replyBudget() -> ReplyBudget {
        ReplyBudget(
            maxWireBytes: configuration.limits.maxFrameBytes,
            maxMemoryBytes: memory.replies.limit / 8 * 5,
            memory: memory.replies
        )
    }
}
