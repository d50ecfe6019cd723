// SPDX-License-Identifier: Apache-2.0
import DequeModule
import Dispatch
import LodestoneCore
import LodestoneStorage
import LodestoneStructures
import Synchronization

/// A queued write with its request id, its call, and the function that gets its result.
struct PendingWrite: Sendable {
    let write: PreparedWrite
    let requestID: RequestID?
    let context: CallContext
    /// Returns whether the write is still to be done.
    ///
    /// The writer calls `begin` before each try to assign rows to the write. After a result of
    /// true, only `completion` ends the call. After a result of false, the write is left out,
    /// without a call of `completion`.
    let begin: @Sendable () -> Bool
    let completion: @Sendable (Result<WriteReceipt, LodestoneError>) -> Void
    /// The time at which the write was queued.
    let queuedAt = ContinuousClock.now
}

/// The only writer: it commits queued writes as a group, applies them, and then replies.
///
/// Group commit without a timed wait: writes that arrive during a commit form the next group.
///
/// Threading: any thread may call `enqueue`; the rest runs on the writer's serial queue.
final class Writer: Sendable {
    private struct Queue {
        var pending = Deque<PendingWrite>()
        var isRunning = false
        var closedAt: ContinuousClock.Instant?
        /// The time at which a group last stopped waiting for another process.
        var lastBusy: ContinuousClock.Instant?
    }

    /// The longest wait for another process once the engine closes.
    private static let closeTimeout = Duration.seconds(2)
    /// The bytes at which a group ends, so that commits and their waits do not grow without bound.
    private static let groupBytes = 4 << 20

    /// The reasons of errors that fail every write of a group.
    private static let reasonsOfStore: Set<LodestoneError.Reason> = [
        .storeBusy, .closed, .closing, .readOnly, .formatTooNew,
    ]

    let store: any Store
    let catalog: Catalog
    private let compactor: Compactor
    private let queue = DispatchQueue(label: "lodestone.writer")
    /// The bytes of the documents that were written since the start.
    let writtenBytes = Atomic<Int>(0)
    private let waiting = Mutex(Queue())

    init(store: any Store, catalog: Catalog, compactor: Compactor) {
        self.store = store
        self.catalog = catalog
        self.compactor = compactor
    }

    func enqueue(_ write: PendingWrite) {
        let (isClosed, mustStart) = waiting.withLock { waiting in
            if waiting.closedAt != nil { return (true, false) }
            waiting.pending.append(write)
            defer { waiting.isRunning = true }
            return (false, !waiting.isRunning)
        }
        if isClosed {
            write.completion(.failure(.closing))
        } else if mustStart {
            queue.async { self.run() }
        }
    }

    /// Refuses further writes, and waits for the queued ones.
    ///
    /// The wait for another process that holds the store's lock is short.
    func close() {
        waiting.withLock { $0.closedAt = $0.closedAt ?? .now }
        queue.sync {}
    }

    private func run() {
        while let group = nextGroup() { process(group) }
    }

    /// The writes of the next commit.
    ///
    /// The group is one write that needs the state after all earlier writes, or several other
    /// writes up to `groupBytes`. No two of them have the same request id.
    private func nextGroup() -> [PendingWrite]? {
        waiting.withLock { waiting in
            var group: [PendingWrite] = []
            var requestIDs: Set<RequestID> = []
            var byteCount = 0
            while let next = waiting.pending.first {
                let isAlone = next.write.needsSettledState
                byteCount += next.write.byteCount
                if !group.isEmpty && (isAlone || byteCount > Self.groupBytes) { break }
                if let id = next.requestID, !requestIDs.insert(id).inserted { break }
                group.append(waiting.pending.removeFirst())
                if isAlone { break }
            }
            if group.isEmpty { waiting.isRunning = false }
            return group.isEmpty ? nil : group
        }
    }

    private func process(_ wanted: [PendingWrite]) {
        guard let first = wanted.first else { return }
        var group = wanted
        var assigned = AssignedGroup()
        let result: Result<[CommittedBatch], LodestoneError> = Result {
            () throws(LodestoneError) in
            // Commits of other processes are applied before `exclusively`, because all processes
            // wait for its lock.
            try? catalog.catchUp(for: first.context)
            return try store.exclusively(
                until: lockDeadline(of: first),
                while: { () throws(LodestoneError) in try endCallsThatAreOver(&group) }
            ) { (last) throws(LodestoneError) in
                try catalog.withExclusiveAccess { (lock) throws(LodestoneError) in
                    if last > catalog.sequenceNumber { try catchUp(lock) }
                    assigned = try assign(group, lock)
                    return try commit(assigned.ready, lock)
                }
            }
        }
        if !assigned.later.isEmpty {
            waiting.withLock { $0.pending.insert(contentsOf: assigned.later, at: 0) }
        }
        for (pending, result) in assigned.results { pending.completion(result) }
        switch result {
        case .success(let committed):
            if committed.isEmpty { return }
            Failpoint.reach(.commitBeforeReply)
            for (write, batch) in zip(assigned.ready, committed) {
                write.pending.completion(
                    .success(write.assigned.receipt(batch, durability: store.durability))
                )
            }
            for collection in Self.collections(of: assigned.ready.map(\.pending)) {
                compactor.consider(collection)
            }
            for collection in assigned.ready.compactMap(\.assigned.needsIndex) {
                compactor.buildInBackground(collection)
            }
            let hasDropped = assigned.ready.contains { ready in
                if case .dropCollection = ready.pending.write { true } else { false }
            }
            if hasDropped { compactor.reclaimSpace() }
        case .failure(let error):
            if error.reason == .storeBusy { waiting.withLock { $0.lastBusy = .now } }
            let isDone = !assigned.results.isEmpty || !assigned.ready.isEmpty
            fail(isDone ? assigned.ready.map(\.pending) : group, with: error)
        }
    }

    /// The end of a write's wait for other processes; `nil`: `lockTimeout` from now.
    ///
    /// If an earlier group timed out while this write was queued, both waited for another process,
    /// so the write's timeout counts from its entry into the queue. Otherwise the write may have
    /// waited for writes of this process, which does not count.
    private func lockDeadline(of pending: PendingWrite) -> ContinuousClock.Instant? {
        let lastBusy = waiting.withLock { $0.lastBusy }
        guard let lastBusy, pending.queuedAt < lastBusy else { return nil }
        return pending.queuedAt.advanced(by: store.lockTimeout)
    }

    /// Ends the writes whose calls have ended, while the group waits for another process.
    ///
    /// - Throws: An error when no write of the group is left, or when the engine is being closed.
    private func endCallsThatAreOver(_ group: inout [PendingWrite]) throws(LodestoneError) {
        var over: [(PendingWrite, LodestoneError)] = []
        func isOver(_ pending: PendingWrite) -> Bool {
            guard let end = pending.context.end else { return false }
            over.append((pending, end))
            return true
        }
        waiting.withLock { waiting in
            // The check avoids the work below: usually no call has ended, and this method runs
            // often.
            if waiting.pending.contains(where: \.context.isOver) {
                waiting.pending.removeAll(where: isOver)
            }
        }
        group.removeAll(where: isOver)
        for (pending, end) in over { pending.completion(.failure(end)) }
        if group.isEmpty, let (_, end) = over.last { throw end }
        if let closedAt = waiting.withLock({ $0.closedAt }),
            closedAt.duration(to: .now) > Self.closeTimeout
        {
            throw .closing
        }
    }

    /// Applies the commits of other processes since the last group.
    private func catchUp(_ lock: Catalog.Lock) throws(LodestoneError) {
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        try lock.catchUp(with: reader)
        store.publish(reader.sequenceNumber)
    }

    /// The state of a group before its commit.
    private struct AssignedGroup {
        var ready: [(pending: PendingWrite, assigned: AssignedWrite)] = []
        var results: [(PendingWrite, Result<WriteReceipt, LodestoneError>)] = []
        /// The writes that go on in the next group: the first that must wait, and all after it.
        var later: [PendingWrite] = []
    }

    private func assign(_ group: [PendingWrite], _ lock: Catalog.Lock) throws(LodestoneError)
        -> AssignedGroup
    {
        while true {
            let assigned = assign(group)
            // Row ids from a damaged base must not get into new rows.
            let broken = Self.collections(of: group).filter { !$0.version.canChange }
            if broken.isEmpty { return assigned }
            for collection in broken { _ = try lock.changeable(collection) }
        }
    }

    private func assign(_ group: [PendingWrite]) -> AssignedGroup {
        var assigner = RowAssigner(store: store, catalog: catalog)
        var assigned = AssignedGroup()
        for (position, pending) in group.enumerated() {
            if assigner.mustWait(pending.write) {
                assigned.later = Array(group[position...])
                break
            }
            guard pending.begin() else { continue }
            do throws(LodestoneError) {
                try pending.context.check()
                if let receipt = try repeated(pending) {
                    assigned.results.append((pending, .success(receipt)))
                } else {
                    assigned.ready.append((pending, try assigner.assign(pending)))
                }
            } catch {
                assigned.results.append((pending, .failure(error)))
            }
        }
        return assigned
    }

    private func commit(
        _ ready: [(pending: PendingWrite, assigned: AssignedWrite)],
        _ lock: Catalog.Lock
    ) throws(LodestoneError) -> [CommittedBatch] {
        if ready.isEmpty { return [] }
        Planted.acknowledgeEarly(ready)
        let committed = try store.commit(ready.map(\.assigned.batch))
        let byteCount = ready.reduce(0) { $0 + $1.pending.write.documentByteCount }
        writtenBytes.add(byteCount, ordering: .relaxed)
        for (write, batch) in zip(ready, committed) {
            write.assigned.apply(batch, to: catalog)
        }
        if let last = committed.last {
            // The batch becomes visible in this process first, so a reader here has nothing to
            // catch up with.
            lock.publish(last.sequenceNumber)
            store.publish(last.sequenceNumber)
        }
        return committed
    }

    private static func collections(of group: [PendingWrite]) -> [Collection] {
        var seen: Set<ObjectIdentifier> = []
        return group.compactMap { pending in
            guard let collection = pending.write.collection,
                seen.insert(ObjectIdentifier(collection)).inserted
            else { return nil }
            return collection
        }
    }

    /// Fails the writes of a group, or tries each write alone.
    ///
    /// One write may have caused the failure of its group, so each is tried alone. No write is
    /// tried again if the store refuses all writes, or if the writes may have been applied.
    private func fail(_ group: [PendingWrite], with error: LodestoneError) {
        let isOfStore = Self.reasonsOfStore.contains(error.reason)
        if group.count > 1 && error.outcome == .notApplied && !isOfStore {
            for pending in group { process([pending]) }
        } else {
            for pending in group { pending.completion(.failure(error)) }
        }
    }

    /// The receipt of an earlier write with the same request id; `nil` when there is none.
    private func repeated(_ pending: PendingWrite) throws(LodestoneError) -> WriteReceipt? {
        guard let id = pending.requestID, let stored = try store.receipt(of: id) else { return nil }
        guard stored.fingerprint == pending.write.fingerprint else {
            throw .invalid(
                .requestIDReused,
                "The request id was used before, for another write, which was applied as "
                    + "sequence number \(stored.receipt.sequenceNumber).",
                recovery: "Give every write a request id of its own; repeat one only with the "
                    + "same content.",
                field: "request_id"
            )
        }
        return stored.receipt
    }
}

extension LodestoneError {
    /// The error for writes after the engine has begun to close.
    static let closing = LodestoneError(
        .unavailable,
        reason: .closing,
        "The store is being closed.",
        recovery: "Send it again once the server is back."
    )
}
