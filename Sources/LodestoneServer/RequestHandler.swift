// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import LodestoneWire
import Logging
import Synchronization

/// Takes a decoded request to the place that answers it: the loop, a worker, or the engine.
///
/// Threading: may be used from every loop and worker.
final class RequestHandler: Sendable {
    let engine: Engine
    let configuration: ServerConfiguration
    let occupancy: ConnectionLimiter
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
    /// Whether maintenance of the whole store is under way: `maintain`.
    private let isMaintaining = Atomic<Bool>(false)
    private let brevity: InlineSearchGate
    /// The number of searches answered on a loop; `searchesBegunAgain` counts those that took too
    /// long.
    private let searchesAtOnce = Atomic<Int>(0)
    private let searchesBegunAgain = Atomic<Int>(0)
    /// The number of builds of indexes under way: one runs, the others wait for it.
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
        occupancy = ConnectionLimiter(limits: limits)
        brevity = InlineSearchGate(most: configuration.maxSearchTimeOnLoop)
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
            perLane: 1
        )
        // At most two frames are decoded at once: the memory of a decoded request is counted only
        // afterwards.
        decoding = FairQueue(
            label: "lodestone.decoding",
            width: min(2, Processors.count),
            extraWidth: 0,
            perLane: 1
        )
        descriptions = FairQueue(label: "lodestone.descriptions", width: 2, extraWidth: 6)
        memory = ServerMemory(
            limit: configuration.memoryBudget,
            maxFrameBytes: limits.maxFrameBytes
        )
        frames = FrameGate(memory: memory.frames)
        output = OutputGate(memory: memory.output, answers: memory.answers)
        relief = MemoryRelief(memory)
    }

    /// The role of a token; `nil` when the token is not accepted.
    func role(of token: [UInt8]?) -> Role? {
        guard let tokens = configuration.tokens else { return .admin }
        return tokens.role(of: token)
    }

    /// A request that has arrived, with its connection.
    private struct IncomingCall {
        let request: Request
        let kind: CallKind
        let frameByteCount: Int
        let connection: Connection

        func reply(_ reply: Reply) { connection.reply(reply, to: request.id) }
    }

    /// Answers `request`, now or later; on the loop of the connection.
    func handle(
        _ request: Request,
        as role: Role,
        frameByteCount: Int,
        on connection: Connection
    ) {
        let arrival = IncomingCall(
            request: request,
            kind: CallKind(request.call),
            frameByteCount: frameByteCount,
            connection: connection
        )
        guard role.allows(arrival.kind) else {
            deny(arrival, role: role)
            return
        }
        switch request.call {
        case .hello:
            break  // the connection's own
        case .cancel(let id):
            if let call = connection.calls.call(id) { cancel(call, on: connection) }
        case .ping: answerAtOnce(arrival)
        case .listCollections, .describeCollection, .stats: describe(arrival)
        case .compact(let collection): compact(collection, arrival)
        case .buildIndex(let collection): build(collection, arrival)
        case .snapshot, .verify, .erase: maintain(arrival)
        case .createCollection(let name, let options):
            write(.createCollection(name: name, options), to: name, arrival)
        case .alterCollection(let name, let change):
            write(.alterCollection(name: name, change), to: name, arrival)
        case .dropCollection(let name): write(.dropCollection(name: name), to: name, arrival)
        case .indexMany(let batch): write(.indexMany(batch), to: batch.collection, arrival)
        case .dropMany(let batch): write(.dropMany(batch), to: batch.collection, arrival)
        case .get(let get): read(get.collection, arrival)
        case .scan(let scan): read(scan.collection, arrival)
        case .count(let count): read(count.collection, arrival)
        case .search(let search): read(search.collection, arrival)
        case .walk(let walk): read(walk.collection, arrival)
        case .listEdges(let request): read(request.collection, arrival)
        case .listSnapshots, .deleteSnapshot, .fetchSnapshot: read(nil, arrival)
        }
    }

    /// Cancels `call`; a call that waits for a worker is answered at once.
    func cancel(_ call: PendingCall, on connection: Connection) {
        call.context.cancel()
        endIfWaiting(call, on: connection)
    }

    /// Answers a call whose deadline has passed, if it waits for a worker or for memory.
    func endIfWaiting(_ call: PendingCall, on connection: Connection) {
        let lane = connection.lane
        let context = call.context
        if reads.remove(context, of: lane) || writes.remove(context, of: lane)
            || descriptions.remove(context, of: lane) || output.remove(context)
        {
            answerIfOver(call, on: connection)
        }
    }

    /// Forgets the lane of a closed connection.
    func closed(_ lane: FairQueue.LaneID) {
        for queue in [reads, writes, decoding, descriptions] { queue.forget(lane) }
        output.letInIfAnyWaits()
    }

    /// Counts and logs a call that is about to be answered, and gives back its memory.
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
        occupancy.callEnded()
    }

    // MARK: Calls

    private func answerAtOnce(_ arrival: IncomingCall) {
        arrival.reply(.pong(sequenceNumber: engine.sequenceNumber))
        metrics.record(arrival.kind, failed: false, duration: .zero)
    }

    /// Describes collections and the server.
    ///
    /// This does not run on the loop, because changes of other processes are read first. It waits
    /// behind no search, and runs however much memory other requests take.
    private func describe(_ arrival: IncomingCall) {
        guard let call = begin(arrival, nil) else { return }
        let job = FairQueue.Job(context: call.context) { [self] in
            guard !answerIfOver(call, on: arrival.connection) else { return }
            let reply: Reply
            do throws(LodestoneError) {
                switch arrival.request.call {
                case .listCollections: reply = .collections(try engine.collections())
                case .describeCollection(let name): reply = .collection(try engine.describe(name))
                default: reply = .stats(try stats())
                }
            } catch {
                arrival.connection.finish(call, .error(error))
                return
            }
            arrival.connection.finish(call, reply)
        }
        submit(job, for: call, to: descriptions, arrival.connection)
    }

    /// Replies with `error` to a call that is not started.
    private func refuse(_ arrival: IncomingCall, _ error: LodestoneError) {
        metrics.record(arrival.kind, failed: true, duration: .zero)
        arrival.reply(.error(error))
    }

    private func write(_ write: Engine.Write, to collection: String, _ arrival: IncomingCall) {
        guard let call = begin(arrival, collection) else { return }
        let requestID = arrival.request.requestID
        let connection = arrival.connection
        let job = FairQueue.Job(context: call.context) { [self] in
            guard !answerIfOver(call, on: connection) else { return }
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
            try queue.submit(job, of: connection.lane)
        } catch {
            connection.finish(call, .error(error))
        }
    }

    /// Compacts a collection.
    ///
    /// The compaction goes on when its caller no longer waits: its result is worth the same.
    private func compact(_ collection: String, _ arrival: IncomingCall) {
        guard let call = begin(arrival, collection) else { return }
        let connection = arrival.connection
        engine.compact(collection) { result in
            switch result {
            case .success(let number): connection.finish(call, .done(sequenceNumber: number))
            case .failure(let error): connection.finish(call, .error(error))
            }
        }
    }

    /// Builds an index on a thread of its own, which yields to searches and writes.
    private func build(_ collection: String, _ arrival: IncomingCall) {
        guard builds.add(1, ordering: .relaxed).newValue <= Self.maxBuilds else {
            builds.subtract(1, ordering: .relaxed)
            refuse(arrival, .tooManyBuilds(limit: Self.maxBuilds))
            return
        }
        guard let call = begin(arrival, collection) else {
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
            arrival.connection.finish(call, reply)
        }
    }

    private func read(_ collection: String?, _ arrival: IncomingCall) {
        guard let call = begin(arrival, collection) else { return }
        if case .search(let search) = arrival.request.call,
            answerAtOnce(call, search, arrival.connection)
        {
            return
        }
        enqueue(call, arrival.request.call, arrival.connection)
    }

    /// Answers a short search on the loop, when no other work is known to wait for the loop or a
    /// worker.
    ///
    /// Waking a worker for the search costs more than all of the search but its walk. A search that
    /// takes too long is begun again on a worker, and for a while no search is tried here.
    ///
    /// - Returns: Whether it is answered.
    private func answerAtOnce(
        _ call: PendingCall,
        _ search: SearchRequest,
        _ connection: Connection
    ) -> Bool {
        let start = call.acceptedAt
        guard connection.isAtLast, connection.calls.count == 1,
            reads.wouldPassNobody(connection.lane), brevity.expects(start),
            !connection.isClogged, !output.isFull
        else { return false }
        let deadline = min(start.advanced(by: brevity.most), call.context.deadline)
        let reply: Reply?
        do throws(LodestoneError) {
            reply = try engine.searchAtOnce(search, until: deadline).map { .search($0) }
        } catch {
            reply = .error(error)
        }
        let end = ContinuousClock.now
        brevity.note(start, end)
        guard let reply else {
            if end >= deadline {
                searchesBegunAgain.add(1, ordering: .relaxed)
                metrics.searchedAgain.increment()
            }
            return false
        }
        searchesAtOnce.add(1, ordering: .relaxed)
        metrics.searchedAtOnce.increment()
        if !connection.isKnownForShortReads {
            // Long reads of others would delay this lane's next search on a worker, if its usual
            // time were unknown.
            connection.isKnownForShortReads = true
            reads.note(start.duration(to: end), of: connection.lane)
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
        guard !answerIfOver(call, on: connection) else { return }
        if connection.isClogged {
            connection.park { self.enqueue(call, read, connection) }
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
    private func maintain(_ arrival: IncomingCall) {
        guard !isMaintaining.exchange(true, ordering: .acquiring) else {
            refuse(arrival, .maintenanceRuns)
            return
        }
        guard let call = begin(arrival, nil) else {
            isMaintaining.store(false, ordering: .releasing)
            return
        }
        MaintenanceThread.run { [self] in
            let reply: Reply
            do throws(LodestoneError) {
                switch arrival.request.call {
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
            arrival.connection.finish(call, reply)
        }
    }

    /// Answers a call that is cancelled or past its deadline.
    ///
    /// False when the call is still wanted.
    @discardableResult
    private func answerIfOver(_ call: PendingCall, on connection: Connection) -> Bool {
        do {
            try call.context.check()
            return false
        } catch {
            connection.finish(call, .error(error))
            return true
        }
    }

    /// Enters a call among those under way, or replies with the reason for a refusal.
    private func begin(_ arrival: IncomingCall, _ collection: String?) -> PendingCall? {
        let request = arrival.request
        // The memory of a description is too small to count, and would count in its own figures.
        let wanted =
            arrival.kind.isDescription
            ? 0
            : RequestMemory.estimate(
                frameByteCount: arrival.frameByteCount,
                call: request.call
            )
        let byteCount = memory.requests.share(of: wanted)
        guard memory.requests.reserve(byteCount) else {
            refuse(arrival, .decodeBudget(wanted, limit: memory.requests.limit))
            return nil
        }
        let limits = configuration.limits
        let now = ContinuousClock.now
        // The time of maintenance grows with the store, so its deadline may be longer.
        let time =
            arrival.kind.isMaintenance
            ? min(request.deadline ?? Limits.maxBuildTime, Limits.maxBuildTime)
            : min(request.deadline ?? limits.defaultDeadline, limits.maxDeadline)
        let call = PendingCall(
            id: request.id,
            kind: arrival.kind,
            collection: collection,
            context: CallContext(deadline: now.advanced(by: time), answer: answerBudget()),
            acceptedAt: now,
            byteCount: byteCount
        )
        do {
            try arrival.connection.calls.insert(call)
        } catch {
            memory.requests.release(byteCount)
            refuse(arrival, error)
            return nil
        }
        occupancy.callBegan()
        return call
    }

    /// The limits of one answer: a frame on the wire, and a part of the memory of all answers.
    private func answerBudget() -> ReplyBudget {
        ReplyBudget(
            maxWireBytes: configuration.limits.maxFrameBytes,
            maxMemoryBytes: memory.answers.limit / 8 * 5,
            memory: memory.answers
        )
    }

    private func deny(_ arrival: IncomingCall, role: Role) {
        metrics.denied.increment()
        audit.notice(
            "refused: the role does not allow the call",
            metadata: [
                "peer": "\(arrival.connection.stream.peer)", "call": "\(arrival.kind.rawValue)",
                "role": "\(role.name)",
            ]
        )
        refuse(arrival, .permissionDenied(arrival.kind, role: role))
    }

    private func stats() throws(LodestoneError) -> Stats {
        var stats = try engine.stats()
        let counts = occupancy.counts
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
                Double(searchesAtOnce.load(ordering: .relaxed)),
                unit: "1"
            ),
            Statistic(
                "server.searches.begun_again",
                Double(searchesBegunAgain.load(ordering: .relaxed)),
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
