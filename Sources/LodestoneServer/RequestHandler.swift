// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import LodestoneWire
import Logging
import Synchronization

/// Takes a decoded request to the thread that serves it: the loop, a worker, or the engine's.
///
/// Threading: may be used from every loop and worker.
final class RequestHandler: Sendable {
    let engine: Engine
    let configuration: ServerConfiguration
    let connectionLimiter: ConnectionLimiter
    let metrics = ServerMetrics()
    let logger: Logger
    /// The log of denials.
    let audit: Logger
    private let reads: FairQueue
    /// The queue in which the engine checks and prepares writes.
    ///
    /// The writes of one connection keep the order of their arrival. They run here because a large
    /// batch would keep a loop from its other connections.
    private let writes: FairQueue
    /// The queue in which long frames are decoded, off the loop for the same reason.
    let decoding: FairQueue
    let memory: ServerMemory
    /// The gate at which long frames wait for memory.
    let frames: FrameGate
    let output: OutputGate
    let relief: MemoryRelief
    /// The queue in which collections are described; a list of all may open thousands.
    private let descriptions: FairQueue
    /// Whether maintenance of the whole store runs: `maintain`.
    private let isMaintaining = Atomic<Bool>(false)
    private let inlineSearchGate: InlineSearchGate
    /// The number of searches that ran on a loop; `restartedSearches` counts those that took too
    /// long.
    private let inlineSearches = Atomic<Int>(0)
    private let restartedSearches = Atomic<Int>(0)
    /// The number of current builds of indexes: one runs, the others wait for it.
    private let builds = Atomic<Int>(0)
    private static let maxBuilds = 8

    init(engine: Engine, configuration: ServerConfiguration, logger: Logger) {
        self.engine = engine
        self.configuration = configuration
        self.logger = logger
        var audit = logger
        audit[metadataKey: "log"] = "audit"
        self.audit = audit
        let limits = configuration.limits
        connectionLimiter = ConnectionLimiter(limits: limits)
        inlineSearchGate = InlineSearchGate(limit: configuration.maxSearchTimeOnLoop)
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
        // At most two frames are decoded at once: the memory of a decoded request is counted only
        // afterwards.
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

    /// The role of a token; `nil` when the token is not accepted.
    func role(of token: [UInt8]?) -> Role? {
        guard let tokens = configuration.tokens else { return .admin }
        return tokens.role(of: token)
    }

    /// A received request, with its connection.
    private struct IncomingCall {
        let request: Request
        let kind: CallKind
        let frameByteCount: Int
        let connection: Connection

        func reply(_ reply: Reply) { connection.reply(reply, to: request.id) }
    }

    /// Serves `request`, now or later; on the loop of the connection.
    func handle(
        _ request: Request,
        as role: Role,
        frameByteCount: Int,
        on connection: Connection
    ) {
        let incoming = IncomingCall(
            request: request,
            kind: CallKind(request.call),
            frameByteCount: frameByteCount,
            connection: connection
        )
        guard role.allows(incoming.kind) else {
            deny(incoming, role: role)
            return
        }
        switch request.call {
        case .hello:
            break  // the connection's own
        case .cancel(let id):
            if let call = connection.calls.call(id) { cancel(call, on: connection) }
        case .ping: replyToPing(incoming)
        case .listCollections, .describeCollection, .stats: describe(incoming)
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

    /// Counts and logs a call before its reply is sent, and gives back its memory.
    func ended(_ call: PendingCall, _ reply: Reply, peer: String) {
        let time = call.acceptedAt.duration(to: .now)
        memory.requests.release(call.byteCount)
        var failed = false
        if case .error(let error) = reply {
            failed = true
            if error.code == .internal || error.code == .dataLoss || error.code == .unknown {
                logger.error(
                    "\(error)",
                    metadata: ["call": "\(call.kind.rawValue)", "peer": "\(peer)"]
                )
            }
        }
        metrics.record(call.kind, failed: failed, duration: time)
        if time > configuration.slowRequest {
            logger.info(
                "slow request",
                metadata: [
                    "call": "\(call.kind.rawValue)",
                    "collection": "\(call.collection?.printable ?? "")",
                    "milliseconds": "\(time.milliseconds)", "failed": "\(failed)",
                    "peer": "\(peer)",
                ]
            )
        }
        connectionLimiter.callEnded()
    }

    // MARK: Calls

    private func replyToPing(_ incoming: IncomingCall) {
        incoming.reply(.pong(sequenceNumber: engine.sequenceNumber))
        metrics.record(incoming.kind, failed: false, duration: .zero)
    }

    /// Describes collections and the server.
    ///
    /// This does not run on the loop, because changes of other processes are read first. It waits
    /// behind no search, and runs however much memory other requests take.
    private func describe(_ incoming: IncomingCall) {
        guard let call = begin(incoming, nil) else { return }
        let job = FairQueue.Job(context: call.context) { [self] in
            guard !finishIfOver(call, on: incoming.connection) else { return }
            let reply: Reply
            do throws(LodestoneError) {
                switch incoming.request.call {
                case .listCollections: reply = .collections(try engine.collections())
                case .describeCollection(let name): reply = .collection(try engine.describe(name))
                default: reply = .stats(try stats())
                }
            } catch {
                incoming.connection.finish(call, .error(error))
                return
            }
            incoming.connection.finish(call, reply)
        }
        submit(job, for: call, to: descriptions, incoming.connection)
    }

    /// Replies with `error` to a call that is not started.
    private func refuse(_ incoming: IncomingCall, _ error: LodestoneError) {
        metrics.record(incoming.kind, failed: true, duration: .zero)
        incoming.reply(.error(error))
    }

    private func write(_ write: Engine.Write, to collection: String, _ incoming: IncomingCall) {
        guard let call = begin(incoming, collection) else { return }
        let requestID = incoming.request.requestID
        let connection = incoming.connection
        let job = FairQueue.Job(context: call.context) { [self] in
            guard !finishIfOver(call, on: connection) else { return }
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
    private func submit(
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

    /// Compacts a collection.
    ///
    /// The compaction goes on when its caller no longer waits: its result is worth the same.
    private func compact(_ collection: String, _ incoming: IncomingCall) {
        guard let call = begin(incoming, collection) else { return }
        let connection = incoming.connection
        engine.compact(collection) { result in
            switch result {
            case .success(let number): connection.finish(call, .done(sequenceNumber: number))
            case .failure(let error): connection.finish(call, .error(error))
            }
        }
    }

    /// Builds an index on a thread of its own, which yields to searches and writes.
    private func build(_ collection: String, _ incoming: IncomingCall) {
        guard builds.add(1, ordering: .relaxed).newValue <= Self.maxBuilds else {
            builds.subtract(1, ordering: .relaxed)
            refuse(incoming, .tooManyBuilds(limit: Self.maxBuilds))
            return
        }
        guard let call = begin(incoming, collection) else {
            builds.subtract(1, ordering: .relaxed)
            return
        }
        MaintenanceThread.run { [self] in
            let reply: Reply
            do throws(LodestoneError) {
                let number = try engine.buildIndex(collection, context: call.context)
                reply = .done(sequenceNumber: number)
            } catch {
                reply = .error(error)
            }
            builds.subtract(1, ordering: .relaxed)
            incoming.connection.finish(call, reply)
        }
    }

    private func read(_ collection: String?, _ incoming: IncomingCall) {
        guard let call = begin(incoming, collection) else { return }
        if case .search(let search) = incoming.request.call,
            runInline(call, search, incoming.connection)
        {
            return
        }
        enqueue(call, incoming.request.call, incoming.connection)
    }

    /// Runs a short search on the loop, when no other work is known to wait for the loop or a
    /// worker.
    ///
    /// Waking a worker for the search costs more than all of the search but its walk. A search that
    /// takes too long is begun again on a worker, and for a while no search is tried here.
    ///
    /// - Returns: Whether the call has its reply.
    private func runInline(
        _ call: PendingCall,
        _ search: SearchRequest,
        _ connection: Connection
    ) -> Bool {
        let start = call.acceptedAt
        guard connection.isLastReady, connection.calls.count == 1,
            reads.mayBypass(connection.queueID), inlineSearchGate.permits(start),
            !connection.isBackpressured, !output.isFull
        else { return false }
        let deadline = min(start.advanced(by: inlineSearchGate.limit), call.context.deadline)
        let reply: Reply?
        do throws(LodestoneError) {
            reply = try engine.searchAtOnce(search, until: deadline).map { .search($0) }
        } catch {
            reply = .error(error)
        }
        let end = ContinuousClock.now
        inlineSearchGate.note(start, end)
        guard let reply else {
            if end >= deadline {
                restartedSearches.add(1, ordering: .relaxed)
                metrics.restartedSearches.increment()
            }
            return false
        }
        inlineSearches.add(1, ordering: .relaxed)
        metrics.inlineSearches.increment()
        if !connection.isKnownForShortReads {
            // Long reads of others would delay this connection's next search, if its usual
            // time on a worker were unknown.
            connection.isKnownForShortReads = true
            reads.note(start.duration(to: end), of: connection.queueID)
        }
        connection.finish(call, reply)
        return true
    }

    private func enqueue(_ call: PendingCall, _ read: Call, _ connection: Connection) {
        let job = FairQueue.Job(context: call.context) { self.perform(call, read, connection) }
        submit(job, for: call, to: reads, connection)
    }

    /// Performs a read on a worker.
    private func perform(_ call: PendingCall, _ read: Call, _ connection: Connection) {
        guard !finishIfOver(call, on: connection) else { return }
        if connection.isBackpressured {
            connection.deferWork { self.enqueue(call, read, connection) }
            return
        }
        let mayBegin = output.enter(
            call.context,
            isBlocked: { connection.stream.stalledSince != nil }
        ) {
            self.enqueue(call, read, connection)
        }
        guard mayBegin else { return }
        let reply: Reply
        do {
            switch read {
            case .get(let get): reply = .documents(try engine.get(get, context: call.context))
            case .scan(let scan): reply = .page(try engine.scan(scan, context: call.context))
            case .count(let count):
                reply = .counted(try engine.count(count, context: call.context))
            case .search(let search):
                reply = .search(try engine.search(search, context: call.context))
            case .walk(let walk): reply = .walk(try engine.walk(walk, context: call.context))
            case .listEdges(let request):
                reply = .edges(try engine.listEdges(request, context: call.context))
            case .deleteSnapshot(let name):
                try engine.deleteSnapshot(name)
                reply = .done(sequenceNumber: engine.sequenceNumber)
            case .fetchSnapshot(let name, let offset, let maxBytes):
                reply = .snapshotPart(
                    try engine.fetchSnapshot(
                        name,
                        at: offset,
                        maxBytes: maxBytes,
                        context: call.context
                    )
                )
            case .listSnapshots:
                reply = .snapshots(try engine.snapshots(context: call.context))
            default: reply = .error(.broken("\(call.kind.rawValue) was queued as a read"))
            }
        } catch {
            connection.finish(call, .error(error))
            return
        }
        connection.finish(call, reply)
    }

    /// Performs work on the whole store, on a thread of its own, one such call at a time.
    private func maintain(_ incoming: IncomingCall) {
        guard !isMaintaining.exchange(true, ordering: .acquiring) else {
            refuse(incoming, .maintenanceRuns)
            return
        }
        guard let call = begin(incoming, nil) else {
            isMaintaining.store(false, ordering: .releasing)
            return
        }
        MaintenanceThread.run { [self] in
            let reply: Reply
            do throws(LodestoneError) {
                switch incoming.request.call {
                case .snapshot(let name):
                    reply = .snapshot(try engine.createSnapshot(name, context: call.context))
                case .erase(let collection):
                    reply = .erased(try engine.erase(collection, context: call.context))
                default:
                    reply = .verified(try engine.verify(context: call.context))
                }
            } catch {
                reply = .error(error)
            }
            // The flag is cleared before the reply, so a client that has the reply can start the
            // next call.
            isMaintaining.store(false, ordering: .releasing)
            incoming.connection.finish(call, reply)
        }
    }

    /// Ends a call that is cancelled or past its deadline.
    ///
    /// - Returns: Whether the call has ended.
    @discardableResult
    private func finishIfOver(_ call: PendingCall, on connection: Connection) -> Bool {
        do {
            try call.context.check()
            return false
        } catch {
            connection.finish(call, .error(error))
            return true
        }
    }

    /// Adds a call to those in flight, or replies with the reason for a refusal.
    private func begin(_ incoming: IncomingCall, _ collection: String?) -> PendingCall? {
        let request = incoming.request
        // The memory of a description is too small to count, and would count in its own figures.
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
        let now = ContinuousClock.now
        // The time of maintenance grows with the store, so its deadline may be longer.
        let time =
            incoming.kind.isMaintenance
            ? min(request.deadline ?? Limits.maxBuildTime, Limits.maxBuildTime)
            : min(request.deadline ?? limits.defaultDeadline, limits.maxDeadline)
        let call = PendingCall(
            id: request.id,
            kind: incoming.kind,
            collection: collection,
            context: CallContext(deadline: now.advanced(by: time), answer: replyBudget()),
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

    private func deny(_ incoming: IncomingCall, role: Role) {
        metrics.denied.increment()
        audit.notice(
            "refused: the role does not allow the call",
            metadata: [
                "peer": "\(incoming.connection.stream.peer)", "call": "\(incoming.kind.rawValue)",
                "role": "\(role.name)",
            ]
        )
        refuse(incoming, .permissionDenied(incoming.kind, role: role))
    }

    private func stats() throws(LodestoneError) -> Stats {
        var stats = try engine.stats()
        let counts = connectionLimiter.counts
        stats.statistics += [
            Statistic("server.connections", Double(counts.connections), unit: "1"),
            Statistic(
                "server.connections.unauthenticated",
                Double(counts.unauthenticated),
                unit: "1"
            ),
            // The `stats` call itself is not counted.
            Statistic("server.calls", Double(max(0, counts.calls - 1)), unit: "1"),
            Statistic("server.reads.waiting", Double(reads.waitingCount), unit: "1"),
            Statistic("server.reads.running", Double(reads.runningCount), unit: "1"),
            Statistic(
                "server.searches.at_once",
                Double(inlineSearches.load(ordering: .relaxed)),
                unit: "1"
            ),
            Statistic(
                "server.searches.begun_again",
                Double(restartedSearches.load(ordering: .relaxed)),
                unit: "1"
            ),
            Statistic("server.frames.waiting", Double(frames.waitingCount), unit: "1"),
        ]
        for (name, budget) in memory.parts {
            let used = Double(budget.usedByteCount)
            stats.statistics += [
                Statistic("server.memory.\(name)", used, unit: "bytes"),
                Statistic("server.memory.\(name).limit", Double(budget.limit), unit: "bytes"),
            ]
        }
        return stats
    }
}
