// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The policy for repeating failed calls.
///
/// Only failures that another attempt can resolve are retried: a lost connection, an overloaded
/// server that names a time to wait, or a conflict on the server. A write is repeated with the same
/// request id, so it has one effect, for any outcome of the first attempt. The deadline of a call
/// covers all of its attempts. After many failures, retries stop until calls succeed again, so that
/// they don't add to the load of a failing server.
///
/// A call that was never sent is no attempt: while no connection can be made, and when a server
/// stops gracefully, calls wait for a server until their deadline, unless `maxAttempts` is 1.
public struct RetryPolicy: Sendable, Equatable {
    /// The most attempts, including the first: 1 to 5.
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

    /// The wait before the next attempt.
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
            // The shift is bounded, so nothing overflows; there are at most five attempts.
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
    /// The duration, clamped to 0 to 100 years, so that sums and products don't overflow.
    var bounded: Duration { min(max(self, .zero), .seconds(100 * 365 * 86_400)) }
}

/// A measure of recent failures that limits retries.
///
/// Each failure costs a token, and each success returns a tenth of one. With half of the tokens or
/// fewer, nothing is retried.
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
