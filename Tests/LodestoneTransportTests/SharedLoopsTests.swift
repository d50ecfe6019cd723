// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneTransport
import Testing

@Suite("Shared loops", .timeLimit(.minutes(1)))
struct SharedLoopsTests {
    @Test("Users that poll equally long share the loops, each loop as many users as the others")
    func sharing() throws {
        let loops = SharedLoops(maxCount: 2)
        let shares = try (0..<6).map { _ in try loops.share(busyPoll: .zero) }
        let first = shares.filter { $0.loop === shares[0].loop }
        #expect(first.count == 3)
        #expect(Set(shares.map { ObjectIdentifier($0.loop) }).count == 2)
        let other = try loops.share(busyPoll: .milliseconds(1))
        #expect(shares.allSatisfy { $0.loop !== other.loop })
        // A place that became free is filled first.
        let left = shares[0].loop
        shares[0].end()
        shares[0].end()
        #expect(try loops.share(busyPoll: .zero).loop === left)
    }

    @Test("A shared loop ends with its last user, and a later user gets another")
    func lastUser() async throws {
        let loops = SharedLoops(maxCount: 1)
        let one = try loops.share(busyPoll: .zero)
        let other = try loops.share(busyPoll: .zero)
        await withCheckedContinuation { continuation in one.end { continuation.resume() } }
        await withCheckedContinuation { continuation in
            other.loop.schedule(after: .zero) { continuation.resume() }
        }
        await withCheckedContinuation { continuation in other.end { continuation.resume() } }
        other.loop.schedule(after: .zero) { Issue.record("a loop outlived its last user") }
        await other.loop.run {}
        let third = try loops.share(busyPoll: .zero)
        #expect(third.loop !== other.loop)
        await withCheckedContinuation { continuation in
            third.loop.schedule(after: .zero) { continuation.resume() }
        }
    }
}
