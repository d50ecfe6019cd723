// SPDX-License-Identifier: Apache-2.0
import DequeModule
import Dispatch
import LodestoneCore
import LodestoneStorage
import Synchronization

/// A write on its way: what to do, under which request id, for which call, and whom to tell.
struct PendingWrite: Sendable {
    let write: PreparedWrite
    let requestID: RequestID?
    let context: CallContext
    let completion: @Sendable (Result<WriteReceipt, LodestoneError>) -> Void
}

/// The one writer: takes what has queued up, commits it in one go, applies it to the collections,
/// and only then answers.
///
/// Group commit without a timed wait: while one commit is on its way to the disk the next group
/// gathers by itself.
///
/// Threading: `enqueue` from anywhere; the rest on the writer's serial queue.
final class Writer: Sendable {
    private struct Queue {
        var pending = Deque<PendingWrite>()
        var isRunning = false
        var isClosed = false
    }

    /// A group ends here, so that no call waits for ever larger commits.
    private static let groupBytes = 4 << 20

    let store: any Store
    let registry: Registry
    private let queue = DispatchQueue(label: "lodestone.writer")
    private let waiting = Mutex(Queue())

    init(store: any Store, registry: Registry) {
        self.store = store
        self.registry = registry
    }

    func enqueue(_ write: PendingWrite) {
        let (isClosed, mustStart) = waiting.withLock { waiting in
            if waiting.isClosed { return (true, false) }
            waiting.pending.append(write)
            defer { waiting.isRunning = true }
            return (false, !waiting.isRunning)
        }
        if isClosed {
            write.completion(
                .failure(
                    LodestoneError(
                        .unavailable,
                        reason: "CLOSING",
                        "The store is being closed.",
                        recovery: "Send it again once the server is back."
                    )
                )
            )
        } else if mustStart {
            queue.async { self.run() }
        }
    }

    /// Refuses further writes, and waits for those under way.
    func close() {
        waiting.withLock { $0.isClosed = true }
        queue.sync {}
    }

    private func run() {
        while let group = nextGroup() { process(group) }
    }

    /// What one commit takes: writes that don't depend on each other's state, up to a size; or one
    /// write alone.
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

    private func process(_ group: [PendingWrite]) {
        var resolver = Resolver(store: store, registry: registry)
        var ready: [(pending: PendingWrite, resolved: ResolvedWrite)] = []
        for pending in group {
            do throws(LodestoneError) {
                try pending.context.check()
                if let receipt = try repeated(pending) {
                    pending.completion(.success(receipt))
                } else {
                    ready.append((pending, try resolver.resolve(pending)))
                }
            } catch {
                pending.completion(.failure(error))
            }
        }
        if ready.isEmpty { return }
        #if DEBUG
        if PlantedBug.ackBeforeCommit.isPlanted { answerTooEarly(ready) }
        #endif
        do throws(LodestoneError) {
            let committed = try registry.commit {
                () throws(LodestoneError) -> [CommittedBatch] in
                let committed = try store.commit(ready.map(\.resolved.batch))
                for (write, batch) in zip(ready, committed) { write.resolved.apply(batch) }
                return committed
            }
            FaultPoint.reach("commit.before-reply")
            for (write, batch) in zip(ready, committed) {
                write.pending.completion(
                    .success(write.resolved.receipt(batch, durability: store.durability))
                )
            }
        } catch {
            fail(ready.map(\.pending), with: error)
        }
    }

    #if DEBUG
    private func answerTooEarly(_ ready: [(pending: PendingWrite, resolved: ResolvedWrite)]) {
        for (pending, resolved) in ready {
            let batch = resolved.batch
            pending.completion(
                .success(
                    WriteReceipt(
                        sequenceNumber: 0,
                        durability: .full,
                        inserted: batch.inserted,
                        replaced: batch.replaced,
                        dropped: batch.dropped
                    )
                )
            )
        }
        PlantedBug.dawdle(milliseconds: 20)
    }
    #endif

    /// One write of a group may be what the store stumbled over: each gets its own chance.
    private func fail(_ group: [PendingWrite], with error: LodestoneError) {
        if group.count > 1 && error.outcome == .notApplied {
            for pending in group { process([pending]) }
        } else {
            for pending in group { pending.completion(.failure(error)) }
        }
    }

    /// What an earlier write under the same request id did.
    private func repeated(_ pending: PendingWrite) throws(LodestoneError) -> WriteReceipt? {
        guard let id = pending.requestID, let stored = try store.receipt(of: id) else { return nil }
        guard stored.fingerprint == pending.write.fingerprint else {
            throw .invalid(
                "REQUEST_ID_REUSED",
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
