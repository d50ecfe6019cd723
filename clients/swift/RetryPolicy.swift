// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The calls that are repeated after a failure without the caller noticing.
///
/// Only failures that another attempt can heal are retried: a connection that is lost, a server
/// that is overloaded and says when to come back, or a conflict on the server. A write is repeated
/// with the same request id, so it has one effect, whatever the outcome of the first attempt. The
/// deadline of a call spans all of its attempts. When failures pile up, retries stop until calls
/// succeed again, so that they don't add to the load of a server in trouble.
///
/// A call that was never sent is no attempt: while no connection can be made, and when a server
/// leaves in good order, calls wait for a server until their deadline, unless `maxAttempts` is 1.
public struct RetryPolicy: Sendable, Equatable {
    /// The most attempts, the first one included: 1 to 5.
    public var maxAttempts: Int
    /// The longest wait before the second attempt; it doubles with each further one.
    public var firstBackoff: Duration
    /// The longest wait before any attempt.
    public var maxBackoff: Duration

    /// Creates a policy.
    public init(
        maxAttempts: Int = 4,
        firstBackoff: Duration = .milliseconds(100),
        maxBackoff: Duration = .seconds(2)
    ) {
        self.maxAttempts = min(max(maxAttempts, 1), 5)
        self.firstBackoff = firstBackoff
        self.maxBackoff = maxBackoff
    }

    /// Up to four attempts.
    public static let standard = RetryPolicy()
    /// One attempt.
    public static let none = RetryPolicy(maxAttempts: 1)

    /// How long to wait before the next attempt.
    ///
    /// - Parameters:
    ///   - error: The error that ended the last attempt.
    ///   - attempt: The number of the last attempt; the first is 1.
    /// - Returns: `nil` when there should be no further attempt.
    func delay(after error: LodestoneError, attempt: Int) -> Duration? {
        guard attempt < maxAttempts else { return nil }
        switch error.code {
        case .unavailable, .aborted:
            if let retryAfter = error.retryAfter { return retryAfter }
            // Doubling stops early enough for nothing to overflow; there are five at most.
            let longest = min(firstBackoff.bounded * (1 << min(attempt - 1, 8)), maxBackoff.bounded)
            return longest * Double.random(in: 0...1)
        case .resourceExhausted:
            return error.retryAfter
        default:
            return nil
        }
    }
}

extension Duration {
    /// The duration, limited to 0 to 100 years: sums and products of such times don't overflow.
    var bounded: Duration { min(max(self, .zero), .seconds(100 * 365 * 86_400)) }
}

/// A measure of recent failures that limits retries.
///
/// Each failure takes a token, and each success gives a tenth of one back. With half of the tokens
/// or fewer, nothing is retried.
struct RetryBudget: Sendable {
    private static let maxTokens = 10.0
    private static let refill = 0.1

    private var tokens = Self.maxTokens

    var isFull: Bool { tokens == Self.maxTokens }
    var allowsRetry: Bool { tokens > Self.maxTokens / 2 }

    mutating func recordFailure() {
        tokens = max(0, tokens - 1)
    }

    mutating func recordSuccess() {
        tokens = min(Self.maxTokens, tokens + Self.refill)
    }
}
