// SPDX-License-Identifier: Apache-2.0
import LodestoneTransport

/// The check of a server that let a deadline pass without a reply.
///
/// The server or the network may have failed.
///
/// The client has sent a cancellation, to which the server must reply. Bytes sent before it may
/// take longer than any grace period on a slow link, so the time counts from their last progress.
/// Later bytes don't count, because the operating system accepts them even if the server hangs.
struct Suspicion {
    /// The longest silence of a server.
    static let gracePeriod = Duration.seconds(2)
    /// The time between two checks.
    private static let interval = Duration.milliseconds(250)

    /// The time of the last message from the server before the check began.
    let lastReceived: ContinuousClock.Instant
    /// The end of the bytes that the server must have received before it can reply.
    private let end: Int
    private var delivered: Int
    private var lastMove: ContinuousClock.Instant

    /// Begins a check; call it right after the cancellation is sent.
    init(
        _ progress: OutputProgress,
        lastReceived: ContinuousClock.Instant,
        now: ContinuousClock.Instant
    ) {
        self.lastReceived = lastReceived
        end = progress.written
        delivered = progress.delivered
        lastMove = now
    }

    /// Checks the progress of the bytes, while no message has arrived.
    ///
    /// - Returns: The time until the next check; `nil` when the server was silent for too long.
    mutating func check(_ progress: OutputProgress, now: ContinuousClock.Instant) -> Duration? {
        if delivered < end, progress.delivered > delivered { lastMove = now }
        delivered = progress.delivered
        let rest = now.duration(to: lastMove.advanced(by: Self.gracePeriod))
        return rest > .zero ? min(rest, Self.interval) : nil
    }
}
