// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneANN
import LodestoneCore
import LodestoneStorage
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Folds deltas into bases in the background, and links vectors in memory; nothing waits for it but
/// the swap of the contents, which takes as long as taking over the last that was written meanwhile.
///
/// Threading: any thread; timers run on a queue, and the work on others (`CompactionLanes`).
final class Compactor: Sendable {
    private struct State {
        /// Collections whose turn will come.
        var queued: Set<CollectionNumber> = []
        /// When the last write came, for those with a timer running.
        var lastWrites: [CollectionNumber: ContinuousClock.Instant] = [:]
        /// Collections that have vectors being linked.
        var linking: Set<CollectionNumber> = []
        /// Collections that will be looked at once their oldest change has its age.
        var aging: Set<CollectionNumber> = []
        /// When the last write came to any collection.
        var lastWrite = ContinuousClock.now
        /// Whether the write-ahead log will be looked at once no write comes.
        var looksAtLog = false
        /// Calls that are building an index.
        var builds: [ObjectIdentifier: CallContext] = [:]
        /// Whether a collection is compacted, or will be, for the memory's sake.
        var isRelieving = false
        var isClosed = false
    }

    /// Bytes of replaced texts and the like that the log may have of any collection.
    ///
    /// A collection with a larger base may have as many as its base has.
    private static let maximumLogBytes = 64 << 20
    /// The pause between two checks whether another holder has ended a compaction.
    private static let pause = DispatchTimeInterval.milliseconds(2)

    let registry: Registry
    let policy: CompactionPolicy
    private let lanes = CompactionLanes()
    private let queue = DispatchQueue(label: "lodestone.compactor")
    private let state = Mutex(State())
    /// Of the work that nobody waits for, and that of `compact`: over once the engine closes.
    let background = CallContext(timeout: .seconds(100 * 365 * 86_400))
    /// Builds and compactions whose callers wait for them.
    private let builds = DispatchGroup()
    /// The last compaction that failed, and why.
    private let failure = Mutex<LodestoneError?>(nil)
    /// Bytes of the bases that were written since the start.
    let writtenBytes = Atomic<Int>(0)

    var store: any Store { registry.store }

    init(_ registry: Registry, policy: CompactionPolicy) {
        self.registry = registry
        var policy = policy
        policy.deltaMemory = min(policy.deltaMemory, registry.deltaMemory.limit / 4)
        self.policy = policy
        registry.onCatchUp { [weak self] in self?.consider($0) }
    }

    /// Looks whether a collection that was just written to needs a new base.
    func consider(_ collection: Collection) {
        let state = collection.state
        if !store.isReadOnly {
            shortenLogOnceIdle()
            relieveMemory()
            if policy.isUrgent(state) { return enqueue(collection) }
            if policy.isWorthwhile(state) { return waitUntilIdle(collection) }
        }
        if policy.wantsLinks(state, many: true) {
            enqueueLinks(collection)
        } else if policy.wantsLinks(state) {
            waitUntilIdle(collection)
        }
        if state.changesSinceBase > 0, !store.isReadOnly { limitAge(of: collection) }
    }

    /// Queues the linking of vectors, unless it is queued or under way.
    private func enqueueLinks(_ collection: Collection) {
        let isFirst = state.withLock {
            !$0.isClosed && $0.linking.insert(collection.number).inserted
        }
        if isFirst { takeLinkingTurn(collection) }
    }

    /// Links for a while, and comes again after others that wait.
    private func takeLinkingTurn(_ collection: Collection) {
        lanes.runLinks {
            let isClosed = self.state.withLock { $0.isClosed }
            if !isClosed, self.link(collection) { return self.takeLinkingTurn(collection) }
            self.state.withLock { _ = $0.linking.remove(collection.number) }
        }
    }

    /// Has the collection compacted whose changes take the most memory, if that is short.
    func relieveMemory() {
        let memory = registry.deltaMemory
        guard memory.isShort, state.withLock({ !$0.isRelieving && !$0.isClosed }) else { return }
        let largest = registry.opened.max { $0.deltaByteCount < $1.deltaByteCount }
        guard let largest, memory.isWorthwhile(largest.deltaByteCount),
            largest.state.changesSinceBase > 0
        else { return }
        let isFirst = state.withLock { state in
            if state.isRelieving || state.isClosed { return false }
            state.isRelieving = true
            return true
        }
        guard isFirst else { return }
        lanes.run(largest) {
            if memory.isShort { self.attempt(largest) }
            self.state.withLock { $0.isRelieving = false }
            guard memory.isShort else { return }
            // Another one's turn; or this one's again, when somebody else was at it, or it failed.
            self.queue.asyncAfter(deadline: .now() + self.policy.idleTime.dispatchInterval) {
                [weak self] in
                self?.relieveMemory()
            }
        }
    }

    /// Queues a compaction, which is left out when it is not wanted any more once its turn comes.
    private func enqueue(_ collection: Collection) {
        let isNew = state.withLock { state in
            !state.isClosed && state.queued.insert(collection.number).inserted
        }
        guard isNew else { return }
        lanes.run(collection) {
            self.state.withLock { _ = $0.queued.remove(collection.number) }
            if self.policy.isUrgent(collection.state) { self.attempt(collection) }
        }
    }

    /// Folds the delta of a collection now; `completion` gets the sequence number of the base.
    func compact(
        _ collection: Collection,
        completion: @escaping @Sendable (Result<UInt64, LodestoneError>) -> Void
    ) {
        builds.enter()
        compactOnceFree(collection) { result in
            completion(result)
            self.builds.leave()
        }
    }

    private func compactOnceFree(
        _ collection: Collection,
        completion: @escaping @Sendable (Result<UInt64, LodestoneError>) -> Void
    ) {
        lanes.run(collection) {
            do throws(LodestoneError) {
                guard let done = try self.compact(collection, isOnlyIfNeeded: false) else {
                    try self.background.check()
                    // Somebody else is at it, perhaps for hours: others have the lane meanwhile.
                    return self.queue.asyncAfter(deadline: .now() + Self.pause) {
                        self.compactOnceFree(collection, completion: completion)
                    }
                }
                completion(.success(done))
            } catch {
                completion(.failure(error))
            }
            // What fails now is done after the next compaction.
            _ = try? self.releaseLog()
            self.shortenLogOnceIdle()
        }
    }

    /// Builds the indexes of a collection now, on the calling thread, and answers the sequence number
    /// of its base.
    ///
    /// A build that was under way, or comes first, counts when it is of the collection's strategy.
    ///
    /// - Throws: `.cancelled` or `.deadlineExceeded`; what was built is thrown away then, and the
    ///   base before goes on serving.
    func build(_ collection: Collection, context: CallContext) throws(LodestoneError) -> UInt64 {
        try build(collection, after: collection.progress.finished.count, context: context)
    }

    private func build(_ collection: Collection, after count: Int, context: CallContext)
        throws(LodestoneError) -> UInt64
    {
        let id = ObjectIdentifier(context)
        let isClosed = state.withLock { state in
            if state.isClosed { return true }
            builds.enter()
            state.builds[id] = context
            return false
        }
        if isClosed { throw .closing }
        defer {
            state.withLock { _ = $0.builds.removeValue(forKey: id) }
            builds.leave()
        }
        return try pausing(collection, context) { () throws(LodestoneError) in
            let contents = collection.contents
            let finished = collection.progress.finished
            if finished.count > count, finished.strategy == contents.options.vectorStrategy,
                contents.state.values.isComplete
            {
                return contents.baseSequenceNumber
            }
            return try fold(collection, context: context)
        }
    }

    /// Builds the index of a collection, though nothing may have been written since its base.
    func buildInBackground(_ collection: Collection) {
        let count = collection.progress.finished.count
        lanes.run(collection) {
            // Why it failed is in the collection's progress; its vectors are scanned until then.
            _ = try? self.build(collection, after: count, context: self.background)
        }
    }

    /// Gives back the space of what was dropped, in the background.
    func reclaimSpace() {
        lanes.runShort {
            if self.state.withLock({ $0.isClosed }) { return }
            // What fails now is done by the next compaction.
            _ = try? self.store.reclaimSpace()
            self.shortenLogOnceIdle()
        }
    }

    /// Gives up what is under way, waits until it has ended, and starts nothing more.
    func close() {
        let running = state.withLock { state in
            state.isClosed = true
            return Array(state.builds.values)
        }
        background.cancel()
        for context in running { context.cancel() }
        queue.sync {}
        lanes.wait()
        builds.wait()
    }

    /// Why the last compaction failed, if it did.
    var lastFailure: LodestoneError? { failure.withLock { $0 } }

    /// Whether a base is wanted now that no write comes.
    private func wantsBase(_ state: CollectionState) -> Bool {
        !store.isReadOnly && (policy.isUrgent(state) || policy.isWorthwhile(state))
    }

    private func waitUntilIdle(_ collection: Collection) {
        let number = collection.number
        let isWaiting = state.withLock { state in
            state.lastWrites.updateValue(.now, forKey: number) != nil
        }
        if !isWaiting { lookAgain(collection) }
    }

    private func lookAgain(_ collection: Collection) {
        queue.asyncAfter(deadline: .now() + policy.idleTime.dispatchInterval) { [weak self] in
            guard let self else { return }
            let number = collection.number
            let idleTime = policy.idleTime
            let isIdle = state.withLock { state in
                guard let last = state.lastWrites[number], !state.isClosed else { return true }
                return last.duration(to: .now) >= idleTime
            }
            guard isIdle else {
                lookAgain(collection)
                return
            }
            state.withLock { $0.lastWrites[number] = nil }
            let reached = collection.state
            if !wantsBase(reached) {
                if policy.wantsLinks(reached) { enqueueLinks(collection) }
                return
            }
            lanes.run(collection) {
                // Another one may have come first.
                if self.wantsBase(collection.state) { self.attempt(collection) }
            }
        }
    }

    /// Has the write-ahead log moved into the database and cut off once no write comes.
    private func shortenLogOnceIdle() {
        let isWaiting = state.withLock { state in
            state.lastWrite = .now
            defer { state.looksAtLog = true }
            return state.looksAtLog
        }
        if !isWaiting { lookAtLog() }
    }

    private func lookAtLog() {
        queue.asyncAfter(deadline: .now() + policy.idleTime.dispatchInterval) { [weak self] in
            guard let self, !state.withLock({ $0.isClosed }) else { return }
            let isIdle = state.withLock { $0.lastWrite.duration(to: .now) >= policy.idleTime }
            // While a reader is in it, again after a while.
            let isShort = isIdle && (try? store.shortenWriteAheadLog()) ?? true
            guard isShort else { return lookAtLog() }
            state.withLock { $0.looksAtLog = false }
        }
    }

    /// Folds what few changes there are once they are old.
    private func limitAge(of collection: Collection) {
        let number = collection.number
        guard state.withLock({ $0.aging.insert(number).inserted }) else { return }
        lookAtAge(of: number, since: .now, base: collection.contents.baseSequenceNumber)
    }

    /// Looks at a collection again after `maximumAge`; `since` is when its oldest change came.
    private func lookAtAge(
        of number: CollectionNumber,
        since start: ContinuousClock.Instant,
        base: UInt64
    ) {
        queue.asyncAfter(deadline: .now() + policy.maximumAge.dispatchInterval) {
            [weak self] in
            guard let self else { return }
            let isClosed = state.withLock { state in
                state.aging.remove(number)
                return state.isClosed
            }
            // It may have been closed meanwhile, and its changes are no younger for that.
            guard !isClosed, let collection = try? registry.get(number, for: background),
                collection.state.changesSinceBase > 0, !collection.isDropped
            else { return }
            // Of those that came since another base the oldest is younger.
            if collection.contents.baseSequenceNumber > base { return limitAge(of: collection) }
            let limit = policy.ageLimit(DeltaSize(collection.state))
            if let limit, start.duration(to: .now) >= limit {
                return lanes.run(collection) { self.attempt(collection) }
            }
            let isFirst = state.withLock { $0.aging.insert(number).inserted }
            if isFirst { lookAtAge(of: number, since: start, base: base) }
        }
    }

    /// Folds a collection, unless somebody else is at it; on its lane.
    private func attempt(_ collection: Collection) {
        if state.withLock({ $0.isClosed }) { return }
        do throws(LodestoneError) {
            // Who folds it right now may make a base to go on with.
            if try compact(collection, isOnlyIfNeeded: true) == nil { waitUntilIdle(collection) }
            // What was written meanwhile.
            if policy.wantsLinks(collection.state) { waitUntilIdle(collection) }
            shortenLogOnceIdle()
            try releaseLog()
        } catch {
            // The delta stays, and the next write tries again.
        }
    }

    /// Has the collections folded of which the log has too much.
    private func releaseLog() throws(LodestoneError) {
        let byteCounts = try registry.reading { (reader) throws(LodestoneError) in
            try reader.unfoldedLogBytes()
        }
        for (number, byteCount) in byteCounts where byteCount > Self.maximumLogBytes {
            guard let collection = try registry.get(number),
                byteCount > collection.contents.base?.count ?? 0
            else { continue }
            lanes.run(collection) {
                if collection.state.changesSinceBase > 0 { self.attempt(collection) }
            }
        }
    }

    /// Folds the delta of a collection, unless another holder compacts it.
    ///
    /// With `isOnlyIfNeeded`, a base that another process has written since makes the fold
    /// needless. Answers the sequence number of the base; `nil` when another holder compacts the
    /// collection.
    private func compact(_ collection: Collection, isOnlyIfNeeded: Bool) throws(LodestoneError)
        -> UInt64?
    {
        do throws(LodestoneError) {
            let done = try store.compacting(collection.number) { () throws(LodestoneError) in
                if isOnlyIfNeeded, try takesNewerBase(of: collection) {
                    return collection.contents.baseSequenceNumber
                }
                return try fold(collection, context: background)
            }
            if done != nil { failure.withLock { $0 = nil } }
            return done
        } catch {
            if !collection.isDropped, !background.isCancelled {
                failure.withLock { $0 = error }
            }
            throw error
        }
    }
}

extension Duration {
    fileprivate var dispatchInterval: DispatchTimeInterval {
        // Beyond 100 years there is no difference, and beyond Int64 no number.
        .microseconds(Int(min(max(self, .zero), .seconds(100 * 365 * 86_400)) / .microseconds(1)))
    }
}
