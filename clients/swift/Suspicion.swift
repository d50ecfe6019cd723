// SPDX-License-Identifier: Apache-2.0
import LodestoneTransport

/// Doubt about a server that let a deadline pass without a word: it, or the way to it, may have ended.
///
/// It was told to cancel the call and must answer that, once it has heard it. Bytes sent before can
/// take longer than any patience over a slow link, so the time counts from when those last moved.
/// Bytes sent afterwards count for nothing: the system of a server that hangs takes them, too.
struct Suspicion {
    /// How long a server may say nothing at all.
    static let patience = Duration.seconds(2)
    /// The time between two looks.
    private static let interval = Duration.milliseconds(250)

    /// When the server was last heard before.
    let heard: ContinuousClock.Instant
    /// Where the bytes end that the server must have got before it can answer.
    private let end: Int
    private var delivered: Int
    private var lastMove: ContinuousClock.Instant

    /// Begins when the server has just been told.
    init(
        _ progress: OutputProgress,
        heard: ContinuousClock.Instant,
        now: ContinuousClock.Instant
    ) {
        self.heard = heard
        end = progress.written
        delivered = progress.delivered
        lastMove = now
    }

    /// Looks whether bytes have moved, while nothing has been heard.
    ///
    /// - Returns: The time until the next look; `nil` when the server has been silent for too long.
    mutating func look(_ progress: OutputProgress, now: ContinuousClock.Instant) -> Duration? {
        if delivered < end, progress.delivered > delivered { lastMove = now }
        delivered = progress.delivered
        let rest = now.duration(to: lastMove.advanced(by: Self.patience))
        return rest > .zero ? min(rest, Self.interval) : nil
    }
}
