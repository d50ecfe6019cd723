// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import LodestoneServer

@Suite("Inline search gate")
struct InlineSearchGateTests {
    private let limit = Duration.microseconds(500)
    private let start = ContinuousClock.now.advanced(by: .seconds(1))

    private func after(_ microseconds: Int) -> ContinuousClock.Instant {
        start.advanced(by: .microseconds(microseconds))
    }

    @Test("Searches within their time keep inline searches enabled")
    func short() {
        let gate = InlineSearchGate(limit: limit)
        #expect(gate.permits(start))
        gate.note(start, after(1))
        gate.note(start, after(500))
        #expect(gate.permits(after(500)))
    }

    @Test("A long search pauses inline searches for twenty times its duration")
    func pause() {
        let gate = InlineSearchGate(limit: limit)
        gate.note(start, after(1_000))
        #expect(!gate.permits(after(1_000)))
        #expect(!gate.permits(after(20_999)))
        #expect(gate.permits(after(21_001)))
        // A search that began before the pause and ends in it doesn't end the pause.
        gate.note(after(900), after(1_100))
        #expect(!gate.permits(after(20_999)))
        // The next long search begins another pause.
        gate.note(after(21_001), after(22_001))
        #expect(!gate.permits(after(42_000)))
        #expect(gate.permits(after(42_002)))
    }

    @Test("A search that begins again on a worker pauses inline searches, however short it was")
    func restarted() {
        let gate = InlineSearchGate(limit: limit)
        gate.note(start, after(30), isRestarted: true)
        #expect(!gate.permits(after(629)))
        #expect(gate.permits(after(631)))
    }

    @Test("Long searches take at most a twentieth of a loop's time")
    func share() {
        let gate = InlineSearchGate(limit: limit)
        var (now, spent) = (0, 0)
        while now < 1_000_000 {
            if gate.permits(after(now)) {
                gate.note(after(now), after(now + 3_000))
                (now, spent) = (now + 3_000, spent + 3_000)
            } else {
                now += 1
            }
        }
        #expect(spent * 20 <= now)
    }
}
