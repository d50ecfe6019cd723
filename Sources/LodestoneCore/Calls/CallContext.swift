// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The deadline, the cancellation and the visible documents of one call, which all code that works
/// on the call checks.
///
/// Threading: may be shared; the flag is atomic, the rest is constant.
public final class CallContext: Sendable {
    /// The time at which the call ends without a result.
    public let deadline: ContinuousClock.Instant
    /// The budget of the reply; `nil` when the reply is not bounded.
    package let replyBudget: ReplyBudget?
    /// The filter that a document must pass to be visible to the call; `nil`: all are visible.
    ///
    /// The result of a read is that of a store without the other documents. A write of a document
    /// that does not pass is refused.
    public let visibility: Filter?
    /// The figures of the call's work.
    package let trace = CallTrace()
    private let cancelled = Atomic<Bool>(false)

    /// Creates a context.
    public convenience init(deadline: ContinuousClock.Instant, visibility: Filter? = nil) {
        self.init(deadline: deadline, replyBudget: nil, visibility: visibility)
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
    public convenience init(
        timeout: Duration = Limits.standard.defaultDeadline,
        visibility: Filter? = nil
    ) {
        self.init(deadline: .now.advanced(by: timeout), visibility: visibility)
    }

    /// Throws if the call sees some documents only, because it would act on all of them.
    ///
    /// - Throws: `.permissionDenied`.
    package func refuseIfRestricted(_ action: String) throws(LodestoneError) {
        if visibility == nil { return }
        throw LodestoneError(
            .permissionDenied,
            reason: .rowSecurity,
            "The call sees a part of the documents, and \(action) is for all of them.",
            recovery: "Use a credential without a filter."
        )
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
