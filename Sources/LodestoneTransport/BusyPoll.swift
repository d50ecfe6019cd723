// SPDX-License-Identifier: Apache-2.0

/// Decides when a loop polls again and again for the next event instead of sleeping until it comes.
///
/// Sleeping and waking costs both ends a pass through the scheduler and, if a core went idle, an
/// interrupt. This takes longer than the search for which the client waits. Measured (a client that
/// sends one call after the other): 4,700 replies per second with sleeping, 9,800 without. Without
/// sleeping, a reply takes three quarters of the processor time on the server.
///
/// But polling takes a core while nothing comes. So it begins after `needed` waits in a row that
/// were shorter than `limit`, and ends with the first longer wait. Where other threads want the
/// core, polling gives no advantage, because woken threads run before threads that have yielded.
/// Measured (eight clients on two cores): a fifth fewer replies. So polling pauses when other
/// threads keep the core again and again.
///
/// Threading: a value.
package struct BusyPoll: Sendable {
    /// The longest time to poll before sleeping after all; zero means never.
    package let limit: Duration
    private var shortWaits = 0
    private var crowding = 0
    private var pause = shortestPause

    /// The number of short waits in a row after which polling begins.
    ///
    /// With events at random times, one per millisecond on average, one expectation in 170 is
    /// wrong.
    package static let needed = 3
    /// The limit without another setting: twice the time of a search.
    package static let defaultLimit = Duration.microseconds(200)
    /// The length of a yield beyond which the core must have had other work.
    package static let crowded = Duration.microseconds(150)
    /// The number of yields longer than `crowded` that cause no pause; each is forgotten after
    /// `waitsPerTime` waits.
    package static let tolerated = 4
    private static let waitsPerTime = 16
    /// The length of the first pause, in short waits in addition to `needed`; each further pause is
    /// twice as long.
    package static let shortestPause = 512
    private static let longestPause = 1 << 16

    package init(limit: Duration) {
        self.limit = limit
    }

    /// Whether the next event is expected within `limit`.
    package var pays: Bool { limit > .zero && shortWaits >= Self.needed }

    /// Notes how long other threads had the core when the loop yielded it.
    package mutating func yielded(for duration: Duration) {
        guard duration > Self.crowded else { return }
        crowding += Self.waitsPerTime
        guard crowding > Self.tolerated * Self.waitsPerTime else { return }
        crowding = 0
        shortWaits = -pause
        pause = min(2 * pause, Self.longestPause)
    }

    /// Notes how long a wait was, whether or not it ended with an event.
    package mutating func ended(after wait: Duration) {
        if pays {
            crowding = max(crowding - 1, 0)
            pause = max(pause - 1, Self.shortestPause)
        }
        if wait < limit {
            shortWaits = min(shortWaits + 1, Self.needed)
        } else {
            shortWaits = min(shortWaits, 0)
        }
    }
}
