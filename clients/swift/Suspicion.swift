// SPDX-License-Identifier: Apache-2.0
import LodestoneTransport

/// Doubt about a server that let a deadline pass without a reply: it, or the way to it, may have
/// ended.
///
/// The server was told to cancel the call and must reply, once it has received that. Bytes sent
/// before can take longer than any grace period over a slow link, so the time counts from the last
/// time that these moved. Bytes sent afterwards don't count, because the system of a server that
/// hangs takes them, too.
struct Suspicion {
    /// The longest time for a server to send nothing at all.
    static let gracePeriod = Duration.seconds(2)
    /// The time between two checks.
    private static let interval = Duration.milliseconds(250)

    /// The time of the last message from the server before the doubt.
    let lastReceived: ContinuousClock.Instant
    /// The end of the bytes that the server must have received before it can reply.
    private let end: Int
    private var delivered: Int
    private var lastMove: ContinuousClock.Instant

    /// Begins when the cancellation has just been sent to the server.
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

    /// Checks whether bytes have moved, while no message has arrived.
    ///
    /// - Returns: The time until the next check; `nil` when the server was silent for too long.
    mutating func check(_ progress: OutputProgress, now: ContinuousClock.Instant) -> Duration? {
        if delivered < end, progress.delivered > delivered { lastMove = now }
        delivered = progress.delivered
        let rest = now.duration(to: lastMove.advanced(by: Self.gracePeriod))
        return rest > .zero ? min(rest, Self.interval) : nil
    }
}
