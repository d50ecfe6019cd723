// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// The progress of the build of a collection's index, and whether the build is still wanted.
///
/// The builds of a collection run one after the other, because each is inside `compacting`.
///
/// Threading: any number of threads may work on one build and report; any thread may read.
final class BuildProgress: Sendable {
    private struct State {
        /// The call of the running build; `nil` without one.
        var context: CallContext?
        /// The error that stops the build, because its index is no longer needed.
        var stopped: LodestoneError?
        var lastError: LodestoneError?
        var finished = Finished()
    }

    /// The builds that have finished.
    struct Finished {
        var count = 0
        /// The strategy of the last finished build.
        var strategy: VectorIndexStrategy?
    }

    private let totalCount = Atomic<Int>(0)
    private let doneCount = Atomic<Int>(0)
    private let state = Mutex(State())

    /// Starts a build that ends when `context` ends.
    func begin(for context: CallContext) {
        doneCount.store(0, ordering: .relaxed)
        totalCount.store(0, ordering: .relaxed)
        state.withLock { state in
            state.context = context
            state.stopped = nil
            state.lastError = nil
        }
    }

    /// Reports the number of vectors to index and the number of indexed ones.
    func report(total: Int, done: Int = 0) {
        doneCount.store(done, ordering: .relaxed)
        totalCount.store(total, ordering: .relaxed)
    }

    /// Stops the running build with an error, if there is one.
    func stop(_ error: LodestoneError) {
        state.withLock { if $0.context != nil { $0.stopped = error } }
    }

    /// Ends the build with an index of that strategy.
    func finish(_ strategy: VectorIndexStrategy) {
        state.withLock { state in
            state.context = nil
            state.finished.count += 1
            state.finished.strategy = strategy
        }
    }

    /// Ends the build without an index.
    ///
    /// The error is kept until the next build, unless the build was stopped or cancelled.
    func fail(_ error: LodestoneError) {
        let isUnwanted = [.cancelled, .deadlineExceeded].contains(error.code)
        state.withLock { state in
            state.lastError = isUnwanted || error == state.stopped ? nil : error
            state.context = nil
        }
    }

    /// The number of vectors to index.
    var total: Int { totalCount.load(ordering: .relaxed) }
    /// The number of indexed vectors.
    var done: Int { doneCount.load(ordering: .relaxed) }
    /// The indexed share of the vectors, 0 to 1.
    var fraction: Double { total > 0 ? min(1, Double(done) / Double(total)) : 0 }
    /// Whether a build is running.
    var isRunning: Bool { state.withLock { $0.context != nil } }
    /// Whether the running build should end.
    ///
    /// A build ends when it is cancelled or past its deadline, or when the collection was dropped
    /// or has another strategy now. The check takes a lock and reads the clock, so a build makes it
    /// once per some nodes.
    var isCancelled: Bool {
        let (context, stopped) = state.withLock { ($0.context, $0.stopped) }
        return stopped != nil || context?.isOver ?? false
    }
    /// The builds that have finished.
    var finished: Finished { state.withLock { $0.finished } }
    /// The error of the last build, if it failed.
    var lastError: LodestoneError? { state.withLock { $0.lastError } }

    /// Ends the build if it should end.
    ///
    /// - Throws: `.cancelled` or `.deadlineExceeded`, or the error of `stop`.
    func check() throws(LodestoneError) {
        let (context, stopped) = state.withLock { ($0.context, $0.stopped) }
        if let stopped { throw stopped }
        try context?.check()
    }
}

extension LodestoneError {
    /// The error for a build whose strategy is out of date; another build follows.
    static let strategyChanged = LodestoneError(
        .aborted,
        reason: .strategyChanged,
        "The collection's strategy was changed while its index was being built.",
        recovery: "Send it again."
    )
}
