// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
package import LodestoneCore
import Synchronization

/// The event loops that the clients of a process share.
///
/// A loop carries the connections of many clients: one thread handles the replies of all, and
/// sleeps and wakes once for all. A loop is created for its first user, and ends after its last.
///
/// Threading: any thread.
package final class SharedLoops: Sendable {
    /// The loops of this process: one for every four processors, at least one.
    package static let process = SharedLoops(maxCount: max(1, Int(lode_processor_count()) / 4))

    private struct Member {
        let loop: EventLoop
        var userCount: Int
    }

    private let maxCount: Int
    /// The loops of users that poll equally long.
    private let members = Mutex<[Duration: [Member]]>([:])

    /// - Parameter maxCount: The most loops for users that poll equally long.
    package init(maxCount: Int) {
        self.maxCount = maxCount
    }

    /// A user's share of a loop.
    package final class Share: Sendable {
        /// The loop, which runs at least until `end`.
        package let loop: EventLoop
        private let busyPoll: Duration
        private let loops: SharedLoops
        private let hasEnded = Atomic<Bool>(false)

        fileprivate init(_ loop: EventLoop, busyPoll: Duration, of loops: SharedLoops) {
            self.loop = loop
            self.busyPoll = busyPoll
            self.loops = loops
        }

        deinit { end() }

        /// Gives the loop back; only the first call has an effect.
        ///
        /// - Parameter done: Runs on the loop after all work that was submitted before.
        package func end(_ done: @escaping @Sendable () -> Void = {}) {
            let isFirst = !hasEnded.exchange(true, ordering: .acquiringAndReleasing)
            if isFirst, loops.give(loop, busyPoll: busyPoll) {
                loop.shutdown(done)
            } else {
                loop.async(done)
            }
        }
    }

    /// A share of the loop with the fewest users, or of a new one.
    ///
    /// - Parameter busyPoll: The longest time to poll for an expected event before sleeping.
    /// - Returns: The share.
    /// - Throws: `.unavailable` when the system has no descriptor left.
    package func share(busyPoll: Duration) throws(LodestoneError) -> Share {
        let loop = try members.withLock { all throws(LodestoneError) in
            var members = all[busyPoll] ?? []
            defer { all[busyPoll] = members }
            if members.count >= maxCount,
                let index = members.indices.min(by: {
                    members[$0].userCount < members[$1].userCount
                })
            {
                members[index].userCount += 1
                return members[index].loop
            }
            let loop = try EventLoop(label: "lodestone.client", busyPoll: busyPoll)
            members.append(Member(loop: loop, userCount: 1))
            return loop
        }
        return Share(loop, busyPoll: busyPoll, of: self)
    }

    /// Notes that a loop has one user less.
    ///
    /// - Returns: Whether it was the last.
    private func give(_ loop: EventLoop, busyPoll: Duration) -> Bool {
        members.withLock { all in
            guard var members = all[busyPoll],
                let index = members.firstIndex(where: { $0.loop === loop })
            else { return false }
            members[index].userCount -= 1
            let isLast = members[index].userCount == 0
            if isLast { members.remove(at: index) }
            all[busyPoll] = members.isEmpty ? nil : members
            return isLast
        }
    }
}
