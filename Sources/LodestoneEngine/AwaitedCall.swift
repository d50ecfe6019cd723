// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// A call that a task awaits: answered by the thread that works on it, or at its end while none does.
///
/// Threading: any thread.
final class AwaitedCall<Answer: Sendable>: Sendable {
    typealias Answered = Result<Answer, LodestoneError>
    private typealias Continuation = CheckedContinuation<Answered, Never>

    private enum State {
        /// Its task has not stopped for it yet.
        case new
        /// It may end at any time.
        case waiting(Continuation)
        /// Somebody works on it, and looks at its context.
        case begun(Continuation)
        case over
    }

    let context: CallContext
    private let state = Mutex(State.new)

    init(_ context: CallContext) {
        self.context = context
    }

    /// Has `start` queue the work, and waits for the answer.
    ///
    /// Cancelling the task ends the call: at once, when nobody has begun it.
    func answer(_ start: (AwaitedCall) -> Void) async -> Answered {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { $0 = .waiting(continuation) }
                start(self)
                // It may have been cancelled before there was anything to answer.
                endIfOver()
            }
        } onCancel: {
            context.cancel()
            endIfOver()
        }
    }

    /// Whether the call is still wanted; from then on only `finish` answers it.
    ///
    /// May be asked again.
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

    /// Answers a call; nothing when it has its answer.
    func finish(_ answer: Answered) {
        let continuation: Continuation? = state.withLock { state in
            switch state {
            case .new, .over: return nil
            case .waiting(let continuation), .begun(let continuation):
                state = .over
                return continuation
            }
        }
        continuation?.resume(returning: answer)
    }

    /// Answers a call that waits for its turn, once its context is over.
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
