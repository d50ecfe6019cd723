// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneANN
import LodestoneCore
import LodestoneStorage
import LodestoneSystem
import Synchronization

/// Compacts collections in the background, and links vectors in memory.
///
/// The steps of a compaction: `consider` runs after each write. `enqueue` queues a compaction at
/// once, or `waitUntilIdle` once writes pause. `attempt` runs on a lane. `compactIfFree` enters
/// `compacting`. `compactExclusively` writes the new base. `Catalog.takeOver` installs the version
/// of this base.
///
/// Writes and searches wait only for the swap of the version, which applies the last writes of the
/// compaction's time.
///
/// Threading: any thread. Timers run on one queue, and the work on others (`CompactionLanes`).
final class Compactor: Sendable {
    private struct State {
        /// The collections whose compaction is queued.
        var queued: Set<CollectionNumber> = []
        /// The time of the last write to each collection whose timer runs.
        var lastWrites: [CollectionNumber: ContinuousClock.Instant] = [:]
        /// The collections whose vectors are being linked.
        var linking: Set<CollectionNumber> = []
        /// The collections with a timer for the age of their oldest change.
        var aging: Set<CollectionNumber> = []
        /// The time of each collection's oldest change since a base, with that base.
        var changedSince: [CollectionNumber: (time: ContinuousClock.Instant, base: UInt64)] = [:]
        /// The time of the last write to any collection.
        var lastWrite = ContinuousClock.now
        /// Whether a check of the write-ahead log is scheduled for the next pause of writes.
        var looksAtLog = false
        /// The calls that are building an index.
        var builds: [ObjectIdentifier: CallContext] = [:]
        /// Whether a compaction that frees memory is queued or running.
        var isRelieving = false
        var isClosed = false
    }

    /// The most bytes of log, mainly replaced texts, that a collection may keep.
    ///
    /// A collection with a larger base may have as many bytes as its base.
    private static let maximumLogBytes = 64 << 20
    /// The pause between two checks whether another holder has ended a compaction.
    private static let pause = DispatchTimeInterval.milliseconds(2)

    let catalog: Catalog
    let policy: CompactionPolicy
    private let lanes = CompactionLanes()
    private let queue = DispatchQueue(label: "lodestone.compactor")
    private let state = Mutex(State())
    /// The context of `compact` and of work without a caller; it ends when the engine closes.
    let background = CallContext(timeout: .seconds(100 * 365 * 86_400))
    /// The builds and compactions whose callers wait for them.
    private let builds = DispatchGroup()
    /// The error of the last compaction, if it failed.
    private let failure = Mutex<LodestoneError?>(nil)
    /// The bytes of the bases that were written since the start.
    let writtenBytes = Atomic<Int>(0)

    var store: any Store { catalog.store }

    init(_ catalog: Catalog, policy: CompactionPolicy) {
        self.catalog = catalog
        var policy = policy
        policy.deltaMemory = min(policy.deltaMemory, catalog.deltaMemory.limit / 4)
        self.policy = policy
        catalog.onCatchUp { [weak self] in self?.consider($0) }
    }

    /// Checks after a write whether the collection needs a new base or unlinked vectors must be
    /// linked.
    func consider(_ collection: Collection) {
        let version = collection.version
        let delta = DeltaSize(version)
        if !store.isReadOnly {
            shortenLogOnceIdle()
            relieveMemory()
            if policy.needsBase(version) || policy.isUrgent(delta) { return enqueue(collection) }
            if policy.isWorthwhile(delta) { return waitUntilIdle(collection) }
        }
        if policy.wantsLinks(delta, many: true) {
            enqueueLinks(collection)
        } else if policy.wantsLinks(delta) {
            waitUntilIdle(collection)
        }
        if delta.changes > 0, !store.isReadOnly { limitAge(of: collection) }
    }

    /// Queues the linking of a collection's vectors, unless it is queued or running.
    private func enqueueLinks(_ collection: Collection) {
        let isFirst = state.withLock {
            !$0.isClosed && $0.linking.insert(collection.number).inserted
        }
        if isFirst { takeLinkingTurn(collection) }
    }

    /// Links for a while, then queues the rest after other collections.
    private func takeLinkingTurn(_ collection: Collection) {
        lanes.runLinks {
            let isClosed = self.state.withLock { $0.isClosed }
            if !isClosed, self.link(collection) { return self.takeLinkingTurn(collection) }
            self.state.withLock { _ = $0.linking.remove(collection.number) }
        }
    }

    /// Compacts the collection whose changes take the most memory, if memory is short.
    func relieveMemory() {
        let memory = catalog.deltaMemory
        guard memory.isShort, state.withLock({ !$0.isRelieving && !$0.isClosed }) else { return }
        let largest = catalog.opened.max { $0.deltaByteCount < $1.deltaByteCount }
        guard let largest, memory.isWorthwhile(largest.deltaByteCount),
            largest.version.changesSinceBase > 0
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
            // The next attempt is for another collection; for the same one if its compaction failed
            // or another holder compacts it.
            self.queue.asyncAfter(deadline: .now() + self.policy.idleTime.dispatchInterval) {
                [weak self] in
                self?.relieveMemory()
            }
        }
    }

    /// Queues a compaction; at its turn it is skipped if the collection no longer needs it.
    private func enqueue(_ collection: Collection) {
        let isNew = state.withLock { state in
            !state.isClosed && state.queued.insert(collection.number).inserted
        }
        guard isNew else { return }
        lanes.run(collection) {
            self.state.withLock { _ = $0.queued.remove(collection.number) }
            if self.policy.isUrgent(collection.version) { self.attempt(collection) }
        }
    }

    /// Compacts a collection now; `completion` gets the sequence number of the base.
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
                guard let done = try self.compactIfFree(collection, isOnlyIfNeeded: false) else {
                    try self.background.check()
                    // Another holder may compact for hours, so this work frees the lane and tries
                    // again later.
                    return self.queue.asyncAfter(deadline: .now() + Self.pause) {
                        self.compactOnceFree(collection, completion: completion)
                    }
                }
                completion(.success(done))
            } catch {
                completion(.failure(error))
            }
            // A step that fails now runs again after the next compaction.
            _ = try? self.releaseLog()
            self.shortenLogOnceIdle()
        }
    }

    /// Builds the indexes of a collection now, on the calling thread.
    ///
    /// Returns the sequence number of the base. If another build with the collection's strategy
    /// ends first, its base is returned and no second build runs.
    ///
    /// - Throws: `.cancelled` or `.deadlineExceeded`; the new index is then discarded, and the
    ///   earlier base stays in use.
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
            let version = collection.version
            let finished = collection.progress.finished
            if finished.count > count, finished.strategy == version.options.vectorStrategy,
                version.fields.isComplete
            {
                return version.baseSequenceNumber
            }
            return try compactExclusively(collection, context: context)
        }
    }

    /// Builds the index of a collection, even if nothing was written since its base.
    func buildInBackground(_ collection: Collection) {
        let count = collection.progress.finished.count
        lanes.run(collection) {
            // The collection's progress has the error; its vectors are scanned until the next
            // build.
            _ = try? self.build(collection, after: count, context: self.background)
        }
    }

    /// Frees the space of dropped data, in the background.
    func reclaimSpace() {
        lanes.runShort {
            if self.state.withLock({ $0.isClosed }) { return }
            // A step that fails now runs again with the next compaction.
            _ = try? self.store.reclaimSpace()
            self.shortenLogOnceIdle()
        }
    }

    /// Cancels the running work, waits until it has ended, and starts no more.
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

    /// The error of the last compaction, if it failed.
    var lastFailure: LodestoneError? { failure.withLock { $0 } }

    /// Whether a base should be written once writes pause.
    private func wantsBase(_ version: CollectionVersion) -> Bool {
        !store.isReadOnly && (policy.isUrgent(version) || policy.isWorthwhile(version))
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
            let reached = collection.version
            if !wantsBase(reached) {
                if policy.wantsLinks(reached) { enqueueLinks(collection) }
                return
            }
            lanes.run(collection) {
                // Another compaction may have come first.
                if self.wantsBase(collection.version) { self.attempt(collection) }
            }
        }
    }

    /// Schedules a checkpoint that truncates the write-ahead log once writes pause.
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
            // While a reader uses the write-ahead log, the check is repeated later.
            let isShort = isIdle && (try? store.shortenWriteAheadLog()) ?? true
            guard isShort else { return lookAtLog() }
            state.withLock { $0.looksAtLog = false }
        }
    }

    /// Schedules the compaction of a small delta for the time at which its oldest change reaches
    /// the age limit.
    private func limitAge(of collection: Collection) {
        let number = collection.number
        let base = collection.version.baseSequenceNumber
        let isFirst = state.withLock { state in
            if state.changedSince[number]?.base != base {
                state.changedSince[number] = (.now, base)
            }
            return state.aging.insert(number).inserted
        }
        if isFirst { lookAtAge(of: number, since: .now, base: base) }
    }

    /// The age of the oldest change that a collection's base lacks, as far as this process knows.
    func ageOfChanges(of collection: Collection) -> Duration {
        let version = collection.version
        let known = state.withLock { $0.changedSince[collection.number] }
        guard version.changesSinceBase > 0, let known, known.base == version.baseSequenceNumber
        else { return .zero }
        return known.time.duration(to: .now)
    }

    /// The number of compactions and builds that are queued or running.
    var pendingCount: Int { state.withLock { $0.queued.count + $0.builds.count } }

    /// Checks a collection after `maximumAge`; `since` is the time of its oldest change.
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
            // Closing the collection meanwhile does not change the age of its changes.
            guard !isClosed, let collection = try? catalog.get(number, for: background),
                collection.version.changesSinceBase > 0, !collection.isDropped
            else {
                state.withLock { $0.changedSince[number] = nil }
                return
            }
            // The changes since a later base are younger.
            if collection.version.baseSequenceNumber > base { return limitAge(of: collection) }
            let limit = policy.ageLimit(DeltaSize(collection.version))
            if let limit, start.duration(to: .now) >= limit {
                return lanes.run(collection) { self.attempt(collection) }
            }
            let isFirst = state.withLock { $0.aging.insert(number).inserted }
            if isFirst { lookAtAge(of: number, since: start, base: base) }
        }
    }

    /// Compacts a collection, unless another holder does; runs on the collection's lane.
    private func attempt(_ collection: Collection) {
        if state.withLock({ $0.isClosed }) { return }
        do throws(LodestoneError) {
            // The other holder may be making a base that this process can use.
            if try compactIfFree(collection, isOnlyIfNeeded: true) == nil {
                waitUntilIdle(collection)
            }
            // Vectors may have been written meanwhile.
            if policy.wantsLinks(collection.version) { waitUntilIdle(collection) }
            shortenLogOnceIdle()
            try releaseLog()
        } catch {
            // The delta stays; the next write tries again.
        }
    }

    /// Compacts the collections whose log is too large.
    private func releaseLog() throws(LodestoneError) {
        let byteCounts = try catalog.reading { (reader) throws(LodestoneError) in
            try reader.uncompactedLogBytes()
        }
        for (number, byteCount) in byteCounts where byteCount > Self.maximumLogBytes {
            guard let collection = try catalog.get(number),
                byteCount > collection.version.base?.count ?? 0
            else { continue }
            lanes.run(collection) {
                if collection.version.changesSinceBase > 0 { self.attempt(collection) }
            }
        }
    }

    /// Compacts a collection, unless another holder does.
    ///
    /// With `isOnlyIfNeeded`, a newer base of another process may make the compaction unnecessary.
    ///
    /// - Returns: The sequence number of the base; `nil` when another holder compacts the
    ///   collection.
    private func compactIfFree(_ collection: Collection, isOnlyIfNeeded: Bool)
        throws(LodestoneError)
        -> UInt64?
    {
        do throws(LodestoneError) {
            let done = try store.compacting(collection.number) { () throws(LodestoneError) in
                if isOnlyIfNeeded, try adoptNewerBase(of: collection) {
                    return collection.version.baseSequenceNumber
                }
                return try compactExclusively(collection, context: background)
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
        // Durations are limited to 100 years, so that the number fits an `Int64`.
        .microseconds(Int(min(max(self, .zero), .seconds(100 * 365 * 86_400)) / .microseconds(1)))
    }
}
