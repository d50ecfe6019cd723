// SPDX-License-Identifier: Apache-2.0

/// Decides when a loop had better look for the next event again and again than sleep until it comes.
///
/// To sleep and be woken costs both sides a way through the scheduler and, where a core went idle, an
/// interrupt: more than the search that is waited for. A client that asks in turn got 4,700 answers a
/// second with sleeping, 9,800 without, each for three quarters of the server's processor time.
///
/// But looking takes a core while nothing comes: it begins after `needed` waits in a row that were
/// shorter than `limit`, and ends with the first that is longer. And where others want the core it
/// gives no advantage, since those who wake are served before those who have yielded: eight clients
/// on two cores lost a fifth. So it pauses when they keep it again and again, and they lose nothing.
///
/// Threading: a value.
package struct BusyPoll: Sendable {
    /// How long to look before sleeping after all; zero: never look.
    package let limit: Duration
    private var shortWaits = 0
    private var crowding = 0
    private var pause = shortestPause

    /// Short waits in a row that it takes.
    ///
    /// Of events that come at random, one a millisecond, one in 170 is expected wrongly.
    package static let needed = 3
    /// The limit where nobody sets one: twice what a search takes.
    package static let defaultLimit = Duration.microseconds(200)
    /// A core that was away for longer has other work.
    package static let crowded = Duration.microseconds(150)
    /// A machine may take a core away now and then: it takes as many times within so many waits each.
    package static let tolerated = 4
    private static let waitsPerTime = 16
    /// Short waits that it takes beyond `needed` after that; each time twice as many.
    package static let shortestPause = 512
    private static let longestPause = 1 << 16

    package init(limit: Duration) {
        self.limit = limit
    }

    /// Whether the next event is expected within `limit`.
    package var pays: Bool { limit > .zero && shortWaits >= Self.needed }

    /// Takes notice of how long others had the core when they were let.
    package mutating func yielded(for duration: Duration) {
        guard duration > Self.crowded else { return }
        crowding += Self.waitsPerTime
        guard crowding > Self.tolerated * Self.waitsPerTime else { return }
        crowding = 0
        shortWaits = -pause
        pause = min(2 * pause, Self.longestPause)
    }

    /// Takes notice of how long a wait was, whether or not it ended with an event.
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
