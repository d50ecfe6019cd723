// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// A call that a task awaits.
///
/// The thread that works on the call ends it. Before a thread begins it, the call ends with its
/// context.
///
/// Threading: any thread.
final class AwaitedCall<Value: Sendable>: Sendable {
    typealias Outcome = Result<Value, LodestoneError>
    private typealias Continuation = CheckedContinuation<Outcome, Never>

    private enum State {
        /// The task has not suspended for the call yet.
        case new
        /// The call waits for a thread, and may end at any time.
        case waiting(Continuation)
        /// A thread works on the call and checks its context.
        case begun(Continuation)
        case over
    }

    let context: CallContext
    private let state = Mutex(State.new)

    init(_ context: CallContext) {
        self.context = context
    }

    /// Queues the work by `start`, and suspends the task until the call has its outcome.
    ///
    /// Cancelling the task cancels the call's context: a call that no thread has begun ends at
    /// once.
    func outcome(_ start: (AwaitedCall) -> Void) async -> Outcome {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { $0 = .waiting(continuation) }
                start(self)
                // The context may have ended before the continuation was stored.
                endIfOver()
            }
        } onCancel: {
            context.cancel()
            endIfOver()
        }
    }

    /// Begins the call unless it is over; from then on only `finish` ends it.
    ///
    /// It may be called again, and returns false once the call is over.
    func begin() -> Bool {
        endIfOver()
        return state.withLock { state in
            switch state {
            case .new, .over: return false
            case .begun: return true
            case .waiting(let continuation):
                state = .begun(continuation)
                return true
            }
        }
    }

    /// Ends the call, unless it has an outcome already.
    func finish(_ outcome: Outcome) {
        let continuation: Continuation? = state.withLock { state in
            switch state {
            case .new, .over: return nil
            case .waiting(let continuation), .begun(let continuation):
                state = .over
                return continuation
            }
        }
        continuation?.resume(returning: outcome)
    }

    /// Ends a call that no thread has begun, if its context has ended.
    func endIfOver() {
        guard let end = context.end else { return }
        let continuation: Continuation? = state.withLock { state in
            guard case .waiting(let continuation) = state else { return nil }
            state = .over
            return continuation
        }
        continuation?.resume(returning: .failure(end))
    }
}
