// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// How far the build of a collection's index is, and whether it is still wanted.
///
/// Builds of one collection come one after the other: who builds holds the store's right to compact.
///
/// Threading: any number of threads may work on one build and report; anybody may look.
final class BuildProgress: Sendable {
    private struct State {
        /// Of the build under way.
        var context: CallContext?
        /// Why it makes no sense any more.
        var stopped: LodestoneError?
        var lastError: LodestoneError?
        var finished = Finished()
    }

    /// The builds that were finished so far.
    struct Finished {
        var count = 0
        /// Of the last one.
        var strategy: VectorIndexStrategy?
    }

    private let totalCount = Atomic<Int>(0)
    private let doneCount = Atomic<Int>(0)
    private let state = Mutex(State())

    /// Starts a build; `context` says until when it is wanted.
    func begin(for context: CallContext) {
        doneCount.store(0, ordering: .relaxed)
        totalCount.store(0, ordering: .relaxed)
        state.withLock { state in
            state.context = context
            state.stopped = nil
            state.lastError = nil
        }
    }

    /// Says how many vectors there are to index, and how many of them are done.
    func report(total: Int, done: Int = 0) {
        doneCount.store(done, ordering: .relaxed)
        totalCount.store(total, ordering: .relaxed)
    }

    /// Has the build under way end with an error, if there is one.
    func stop(_ error: LodestoneError) {
        state.withLock { if $0.context != nil { $0.stopped = error } }
    }

    /// Ends the build: there is an index of that strategy.
    func finish(_ strategy: VectorIndexStrategy) {
        state.withLock { state in
            state.context = nil
            state.finished.count += 1
            state.finished.strategy = strategy
        }
    }

    /// Ends the build without an index; why is kept until the next one, unless the build was only not
    /// wanted any more.
    func fail(_ error: LodestoneError) {
        let isUnwanted = [.cancelled, .deadlineExceeded].contains(error.code)
        state.withLock { state in
            state.lastError = isUnwanted || error == state.stopped ? nil : error
            state.context = nil
        }
    }

    /// Vectors to index.
    var total: Int { totalCount.load(ordering: .relaxed) }
    /// Vectors that are indexed.
    var done: Int { doneCount.load(ordering: .relaxed) }
    /// How far the build is, 0 to 1.
    var fraction: Double { total > 0 ? min(1, Double(done) / Double(total)) : 0 }
    /// Whether a build is under way.
    var isRunning: Bool { state.withLock { $0.context != nil } }
    /// Whether the build under way should end: cancelled, past its deadline, or of no use because
    /// the collection was dropped or has another strategy now.
    ///
    /// Takes a lock and looks at the clock; who builds asks every few nodes.
    var isCancelled: Bool {
        let (context, stopped) = state.withLock { ($0.context, $0.stopped) }
        return stopped != nil || context?.isOver ?? false
    }
    /// The builds that were finished so far.
    var finished: Finished { state.withLock { $0.finished } }
    /// Why the last build failed, if it did.
    var lastError: LodestoneError? { state.withLock { $0.lastError } }

    /// Ends the build if it should end.
    ///
    /// - Throws: `.cancelled` or `.deadlineExceeded`, or what it was stopped with.
    func check() throws(LodestoneError) {
        let (context, stopped) = state.withLock { ($0.context, $0.stopped) }
        if let stopped { throw stopped }
        try context?.check()
    }
}

extension LodestoneError {
    /// The end of a build whose index nobody asks for any more; another one takes its place.
    static let strategyChanged = LodestoneError(
        .aborted,
        reason: "STRATEGY_CHANGED",
        "The collection's strategy was changed while its index was being built.",
        recovery: "Send it again."
    )
}
