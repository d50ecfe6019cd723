// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The deadline and the cancellation of one call, which all code that works on the call checks.
///
/// Threading: may be shared; the flag is atomic, the rest is constant.
public final class CallContext: Sendable {
    /// The time at which the call ends without a result.
    public let deadline: ContinuousClock.Instant
    /// The budget of the reply; `nil` when the reply is not bounded.
    package let replyBudget: ReplyBudget?
    /// The filter that every document passes that the call reads or writes; `nil`: all documents
    /// are visible.
    package let visibility: Filter?
    private let cancelled = Atomic<Bool>(false)

    /// Creates a context.
    public convenience init(deadline: ContinuousClock.Instant) {
        self.init(deadline: deadline, replyBudget: nil)
    }

    /// Creates a context of a call whose reply is bounded.
    package init(
        deadline: ContinuousClock.Instant,
        replyBudget: ReplyBudget?,
        visibility: Filter? = nil
    ) {
        self.deadline = deadline
        self.replyBudget = replyBudget
        self.visibility = visibility
    }

    /// Creates a context that ends after `timeout`.
    public convenience init(timeout: Duration = Limits.standard.defaultDeadline) {
        self.init(deadline: .now.advanced(by: timeout))
    }

    /// Cancels the call, so that all work on it stops at its next check.
    public func cancel() {
        cancelled.store(true, ordering: .relaxed)
    }

    /// Whether `cancel` was called.
    public var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    /// Whether the work should end: the call is cancelled, or its deadline has passed.
    public var isOver: Bool { isCancelled || ContinuousClock.now >= deadline }

    /// Throws if the work should end.
    ///
    /// Long loops call it every few tens of microseconds of work.
    ///
    /// - Throws: `.cancelled` or `.deadlineExceeded`.
    public func check() throws(LodestoneError) {
        if let end { throw end }
    }

    /// The error of a call that is over; `nil` before that.
    package var end: LodestoneError? {
        if isCancelled {
            return LodestoneError(
                .cancelled,
                reason: .cancelled,
                "The call was cancelled.",
                recovery: "Nothing to do; send it again if it is still wanted."
            )
        }
        if ContinuousClock.now >= deadline {
            return LodestoneError(
                .deadlineExceeded,
                reason: .deadline,
                "The deadline passed before the reply was ready.",
                recovery: "Allow more time, or request less in one call."
            )
        }
        return nil
    }
}
