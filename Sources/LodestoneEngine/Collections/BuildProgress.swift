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
        var lastError: LodestoneError?
    }

    private let totalCount = Atomic<Int>(0)
    private let doneCount = Atomic<Int>(0)
    private let state = Mutex(State())

    /// Starts a build; `context` says until when it is wanted.
    func begin(for context: CallContext) {
        doneCount.store(0, ordering: .relaxed)
        totalCount.store(0, ordering: .relaxed)
        state.withLock { $0 = State(context: context) }
    }

    /// Says how many vectors there are to index, and how many of them are done.
    func report(total: Int, done: Int = 0) {
        doneCount.store(done, ordering: .relaxed)
        totalCount.store(total, ordering: .relaxed)
    }

    /// Counts vectors that are done.
    func advance(by count: Int) {
        doneCount.add(count, ordering: .relaxed)
    }

    /// Ends the build; an error is kept until the next one, unless the build was only not wanted any
    /// more.
    func end(_ error: LodestoneError?) {
        state.withLock { state in
            state.context = nil
            state.lastError =
                error.flatMap { [.cancelled, .deadlineExceeded].contains($0.code) ? nil : $0 }
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
    /// Whether the build under way should end: cancelled, or past its deadline.
    ///
    /// Costs some 30 nanoseconds; who builds asks every few nodes.
    var isCancelled: Bool { state.withLock { $0.context }?.isOver ?? false }
    /// Why the last build failed, if it did.
    var lastError: LodestoneError? { state.withLock { $0.lastError } }

    /// Ends the build if it should end.
    ///
    /// - Throws: `.cancelled` or `.deadlineExceeded`.
    func check() throws(LodestoneError) {
        try state.withLock { $0.context }?.check()
    }
}
