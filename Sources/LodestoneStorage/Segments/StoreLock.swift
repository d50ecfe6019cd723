// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneCore
import LodestoneFiles
import LodestoneStructures
import LodestoneSystem
import Synchronization

/// A lock on a file of the store's directory, with one holder among all threads of all processes.
///
/// Commits and checkpoints take the same lock: the SQLite of Debian 12 may corrupt a store when two
/// connections write or checkpoint at the same instant. The kernel releases the lock when the
/// process ends, also after a crash.
///
/// A second file is the turn. The process that waits next for the lock holds the turn until it has
/// the lock. Every process has to wait for the turn first, also one that has just released the
/// lock. So a process that already waits gets the lock first. The wait for the turn has a limit: a
/// process that is stopped during its wait does not keep others from the lock.
///
/// Threading: any thread. The threads of a process take turns by `threads`. `state` is shared by
/// the thread that holds `threads` and the thread that waits in the kernel.
final class StoreLock: Sendable {
    /// The longest wait for a holder, because a stopped process may hold the lock.
    let lockTimeout: Duration
    /// The longest wait for the turn, many times the time of a commit.
    ///
    /// A process that holds the turn longer is probably stopped.
    private static let turnTimeout = Duration.milliseconds(50)
    private static let longestPause: useconds_t = 200

    private struct State {
        var descriptor: Int32?
        /// Whether the dispatch queue waits for the lock in the kernel.
        ///
        /// The queue then passes the lock to `waiter`, or releases it if `waiter` is `nil`.
        var isWaitingInKernel = false
        var waiter: DispatchSemaphore?
        /// The error of the kernel, when it did not grant the lock.
        var failure: LodestoneError?
        /// No call waits for the turn before this time; a wait that failed sets it.
        var skipsTurnUntil = ContinuousClock.now
    }

    /// The total time for which threads of this process have held the lock.
    private struct Use {
        private var past = Duration.zero
        var start: ContinuousClock.Instant?

        var total: Duration { past + (start?.duration(to: .now) ?? .zero) }

        mutating func end() {
            past = total
            start = nil
        }
    }

    private let use = Mutex(Use())
    private let path: String
    private let threads = CallLock()
    private let state: Mutex<State>
    private let turn: Turn?
    /// The queue of the wait in the kernel, which has no deadline and no cancellation.
    private let queue = DispatchQueue(label: "lodestone.lock")

    /// - Parameters:
    ///   - path: The file of the lock.
    ///   - turnPath: The file of the turn; `nil` for a lock without waits.
    ///   - lockTimeout: The longest wait for a holder.
    /// - Throws: The error of the system when a file can't be opened.
    init(_ path: String, turn turnPath: String? = nil, lockTimeout: Duration = .zero)
        throws(LodestoneError)
    {
        self.path = path
        self.lockTimeout = lockTimeout
        state = Mutex(State(descriptor: try SharedFile.open(path)))
        turn = try turnPath.map { (path) throws(LodestoneError) in Turn(try SharedFile.open(path)) }
    }

    deinit {
        close()
    }

    /// Runs `body` while no other thread or process holds the lock.
    ///
    /// The time for which other threads of this process hold the lock does not count: such a thread
    /// releases the lock, and a stopped process does not.
    ///
    /// - Parameters:
    ///   - end: The end of the wait for other processes; `nil`: after `lockTimeout`.
    ///   - check: Called every few milliseconds of the wait; an error that it throws ends the wait.
    ///   - body: The work under the lock.
    /// - Returns: The result of `body`.
    /// - Throws: The errors of `body` and `check`; `.unavailable` when the lock was not free by
    ///   `end`.
    func exclusively<T>(
        until end: ContinuousClock.Instant? = nil,
        while check: () throws(LodestoneError) -> Void = {},
        _ body: () throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T {
        let end = end ?? .now.advanced(by: lockTimeout)
        let before = use.withLock { $0.total }
        func checkTime() throws(LodestoneError) {
            try check()
            let usedHere = use.withLock { $0.total } - before
            if ContinuousClock.now >= end.advanced(by: usedHere) { throw busy() }
        }
        return try threads.withLock(while: checkTime) { () throws(LodestoneError) in
            try takeInTurn(while: checkTime)
            defer { unlock() }
            return try using(body)
        }
    }

    /// Runs `body` unless another holder has the lock; returns `nil` in that case.
    func ifFree<T>(_ body: () throws(LodestoneError) -> T) throws(LodestoneError) -> T? {
        let done = try threads.withLockIfFree { () throws(LodestoneError) -> T? in
            guard try takeIfFree() else { return nil }
            defer { unlock() }
            return try using(body)
        }
        return done ?? nil
    }

    private func using<T>(_ body: () throws(LodestoneError) -> T) throws(LodestoneError) -> T {
        use.withLock { $0.start = .now }
        defer { use.withLock { $0.end() } }
        return try body()
    }

    /// Waits for the holder in this process, then closes the lock.
    func close() {
        _ = try? threads.withLock { () throws(LodestoneError) in
            state.withLock { state in
                if let descriptor = state.descriptor { SharedFile.close(descriptor) }
                state.descriptor = nil
            }
        }
    }

    // MARK: Among processes

    private func takeInTurn(while check: () throws(LodestoneError) -> Void) throws(LodestoneError) {
        guard let turn else { return try take(while: check) }
        let isMine = try waitForTurn(turn, while: check)
        defer { if isMine { turn.release() } }
        try take(while: check)
    }

    /// - Returns: Whether this process holds the turn; it may try to get the lock in either case.
    private func waitForTurn(_ turn: Turn, while check: () throws(LodestoneError) -> Void)
        throws(LodestoneError) -> Bool
    {
        if turn.take() { return true }
        let start = ContinuousClock.now
        if start < state.withLock({ $0.skipsTurnUntil }) { return false }
        var pause: useconds_t = 20
        while start.duration(to: .now) < Self.turnTimeout {
            usleep(pause)
            pause = min(pause * 2, Self.longestPause)
            if turn.take() { return true }
            try check()
        }
        state.withLock { $0.skipsTurnUntil = .now.advanced(by: .seconds(1)) }
        return false
    }

    private func take(while check: () throws(LodestoneError) -> Void) throws(LodestoneError) {
        if try takeIfFree() { return }
        let waiter = DispatchSemaphore(value: 0)
        let mustStartWait = try state.withLock { (state) throws(LodestoneError) in
            guard state.descriptor != nil else { throw closed() }
            state.waiter = waiter
            defer { state.isWaitingInKernel = true }
            return !state.isWaitingInKernel
        }
        if mustStartWait { queue.async { self.waitInKernel() } }
        while waiter.wait(timeout: .now() + CallLock.lookInterval) == .timedOut {
            do throws(LodestoneError) {
                try check()
            } catch {
                let wasGiven = state.withLock { state in
                    defer { state.waiter = nil }
                    return state.waiter == nil
                }
                if wasGiven { unlock() }
                throw error
            }
        }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Waits for the lock in the kernel; runs on the queue.
    private func waitInKernel() {
        guard let descriptor = state.withLock({ $0.descriptor }) else { return }
        var failure: LodestoneError?
        while failure == nil, flock(descriptor, LOCK_EX) != 0 {
            if errno != EINTR { failure = FileSystem.failure("flock", path) }
        }
        let waiter = state.withLock { state in
            state.isWaitingInKernel = false
            state.failure = failure
            defer { state.waiter = nil }
            // No thread waits for the lock any more. A closed descriptor has already released it.
            if state.waiter == nil, let descriptor = state.descriptor { flock(descriptor, LOCK_UN) }
            return state.waiter
        }
        waiter?.signal()
    }

    /// Takes the lock if it is free.
    ///
    /// While the queue waits in the kernel, another process holds the lock. Taking it here would be
    /// a second grant to the same descriptor.
    private func takeIfFree() throws(LodestoneError) -> Bool {
        try state.withLock { (state) throws(LodestoneError) in
            guard let descriptor = state.descriptor else { throw closed() }
            if state.isWaitingInKernel { return false }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw FileSystem.failure("flock", path)
            }
            return false
        }
    }

    private func unlock() {
        state.withLock { state in
            if let descriptor = state.descriptor { flock(descriptor, LOCK_UN) }
        }
    }

    /// The turn among processes, also by `flock`, so the kernel releases it when its process ends.
    private final class Turn: Sendable {
        private let descriptor: Int32

        init(_ descriptor: Int32) { self.descriptor = descriptor }

        deinit { SharedFile.close(descriptor) }

        func take() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

        func release() { flock(descriptor, LOCK_UN) }
    }

    private func busy() -> LodestoneError {
        LodestoneError(
            .unavailable,
            reason: .storeBusy,
            "Another process has held \(path) for \(lockTimeout).",
            recovery: "Look for a stopped process on this store; send the call again.",
            retryAfter: .seconds(1),
            object: path
        )
    }

    private func closed() -> LodestoneError {
        LodestoneError(
            .unavailable,
            reason: .closed,
            "The store is closed.",
            recovery: "Open it again.",
            object: path
        )
    }
}
