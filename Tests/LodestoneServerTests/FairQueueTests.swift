// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneCore
import LodestoneSystem
import Synchronization
import TestSupport
import Testing

@testable import LodestoneServer

@Suite("Fair queue")
struct FairQueueTests {
    @Test("A fair queue runs the jobs of one lane in order even when it is wider")
    func order() async throws {
        let queue = FairQueue(label: "test", width: 4, extraWidth: 4, perConnection: 1)
        let seen = Seen<Int>()
        try await offPool {
            let done = DispatchSemaphore(value: 0)
            for number in 1...200 { try queue.submit(job { seen.append(number) }, of: 1) }
            try queue.submit(job { done.signal() }, of: 1)
            done.wait()
        }
        #expect(seen.list == Array(1...200))
    }

    @Test("A fair queue never runs more short jobs at once than its width")
    func width() async throws {
        let queue = FairQueue(label: "test", width: 3, extraWidth: 0)
        let running = Atomic<Int>(0)
        let most = Mutex(0)
        await withCheckedContinuation { continuation in
            let left = Atomic<Int>(500)
            let finish: @Sendable () -> Void = {
                if left.subtract(1, ordering: .relaxed).newValue == 0 { continuation.resume() }
            }
            for number in 1...500 {
                do {
                    try queue.submit(
                        job {
                            let now = running.add(1, ordering: .relaxed).newValue
                            most.withLock { $0 = max($0, now) }
                            running.subtract(1, ordering: .relaxed)
                            finish()
                        },
                        of: UInt64(number % 7)
                    )
                } catch {
                    Issue.record(error)
                    finish()
                }
            }
        }
        #expect(most.withLock { $0 } <= 3)
    }

    @Test("A new lane of a fair queue waits for one job of another lane, not for all of its jobs")
    func turns() async throws {
        let seen = Seen<String>()
        try await offPool {
            let queue = FairQueue(label: "test", width: 1, extraWidth: 0)
            let gate = DispatchSemaphore(value: 0)
            let done = DispatchSemaphore(value: 0)
            try queue.submit(job { gate.wait() }, of: 1)
            for _ in 1...50 { try queue.submit(job { seen.append("many") }, of: 1) }
            for _ in 1...3 { try queue.submit(job { seen.append("few") }, of: 2) }
            try queue.submit(job { done.signal() }, of: 2)
            gate.signal()
            done.wait()
        }
        let last = try #require(seen.list.lastIndex(of: "few"))
        #expect(last < 10, "\(seen.list)")
    }

    @Test("Lanes of a fair queue get equal time, not equal numbers of jobs")
    func time() async throws {
        let seen = Seen<String>()
        try await offPool {
            let queue = FairQueue(label: "test", width: 1, extraWidth: 0)
            let gate = DispatchSemaphore(value: 0)
            let done = DispatchSemaphore(value: 0)
            try queue.submit(job { gate.wait() }, of: 3)
            for _ in 1...100 {
                let long = job {
                    spin(.milliseconds(4))
                    seen.append("long")
                }
                try queue.submit(long, of: 1)
            }
            for _ in 1...100 {
                let short = job {
                    spin(.microseconds(200))
                    seen.append("short")
                }
                try queue.submit(short, of: 2)
            }
            try queue.submit(job { done.signal() }, of: 2)
            gate.signal()
            done.wait()
            #expect(queue.waitingCount > 50)
        }
        // Fair turns run 20 short jobs per long one; turns by jobs would make 100.
        #expect(seen.list.count { $0 == "long" } < 30, "\(seen.list)")
    }

    @Test("A short job in a fair queue does not wait for long jobs of other lanes")
    func young() async throws {
        try await offPool {
            let queue = FairQueue(label: "test", width: 2, extraWidth: 2)
            let gate = DispatchSemaphore(value: 0)
            let done = DispatchSemaphore(value: 0)
            for _ in 1...6 { try queue.submit(job { gate.wait() }, of: 1) }
            try queue.submit(job { done.signal() }, of: 2)
            // The short job ends although the long ones don't.
            done.wait()
            #expect(queue.runningCount >= 2)
            #expect(queue.waitingCount == 4)
            for _ in 1...6 { gate.signal() }
        }
    }

    @Test("A fair queue keeps threads for lanes known for short jobs")
    func known() async throws {
        try await offPool {
            let queue = FairQueue(label: "test", width: 1, extraWidth: 4)
            let gate = DispatchSemaphore(value: 0)
            let done = DispatchSemaphore(value: 0)
            try queue.submit(job { done.signal() }, of: 9)
            done.wait()
            for id in 1...8 as ClosedRange<UInt64> {
                try queue.submit(job { gate.wait() }, of: id)
            }
            while queue.runningCount < 2 {}
            for _ in 1...5 {
                try queue.submit(job { done.signal() }, of: 9)
                done.wait()
            }
            #expect(queue.waitingCount == 6)
            for _ in 1...8 { gate.signal() }
        }
    }

    @Test("A job bypasses a fair queue only when its lane has none and each waiting lane runs one")
    func passing() async throws {
        try await offPool {
            let queue = FairQueue(label: "test", width: 1, extraWidth: 0)
            let gate = DispatchSemaphore(value: 0)
            #expect(queue.mayBypass(1))
            for _ in 1...3 { try queue.submit(job { gate.wait() }, of: 1) }
            #expect(!queue.mayBypass(1))
            #expect(queue.mayBypass(2))
            try queue.submit(job { gate.wait() }, of: 2)
            #expect(!queue.mayBypass(3))
            for _ in 1...4 { gate.signal() }
        }
    }

    @Test("A fair queue accepts one job each of a thousand lanes")
    func manyLanes() async throws {
        try await offPool {
            let queue = FairQueue(label: "test", width: 1, extraWidth: 0, maxWait: .zero)
            let gate = DispatchSemaphore(value: 0)
            let done = DispatchGroup()
            try queue.submit(job { gate.wait() }, of: 0)
            for id in 1...1_000 as ClosedRange<UInt64> {
                done.enter()
                try queue.submit(job { done.leave() }, of: id)
            }
            gate.signal()
            done.wait()
        }
    }

    @Test("A fair queue refuses jobs when it is full or the expected wait is too long")
    func refusal() async throws {
        try await offPool {
            let gate = DispatchSemaphore(value: 0)
            let full = FairQueue(label: "test", width: 1, extraWidth: 0, maxWaiting: 1)
            try full.submit(job { gate.wait() }, of: 1)
            try full.submit(job {}, of: 2)
            let error = #expect(throws: LodestoneError.self) { try full.submit(job {}, of: 3) }
            #expect(error?.reason == .overloaded)
            #expect(error?.retryAfter != nil)
            gate.signal()

            let slow = FairQueue(
                label: "test",
                width: 1,
                extraWidth: 0,
                maxWait: .milliseconds(200)
            )
            // Both connections have a usual time of some 20 ms. The last of these jobs adds another
            // that keeps the queue from becoming empty, because an empty queue would forget the
            // times.
            let known = DispatchGroup()
            let left = Atomic<Int>(6)
            for id in [1, 2, 1, 2, 1, 2] as [UInt64] {
                known.enter()
                let known = job {
                    spin(.milliseconds(20))
                    if left.subtract(1, ordering: .relaxed).newValue == 0 {
                        try? slow.submit(job { gate.wait() }, of: 0)
                    }
                    known.leave()
                }
                try slow.submit(known, of: id)
            }
            known.wait()
            while slow.waitingCount > 0 {}
            for _ in 1...20 { try slow.submit(job {}, of: 1) }
            // A connection's own jobs are no reason to refuse its jobs, and those of others are no
            // reason to refuse its first.
            try slow.submit(job {}, of: 2)
            let second = #expect(throws: LodestoneError.self) {
                for _ in 1...20 { try slow.submit(job {}, of: 2) }
            }
            #expect(second?.reason == .overloaded)
            gate.signal()
        }
    }

    @Test("A waiting job is removed from a fair queue once, and a running job never")
    func removal() async throws {
        try await offPool {
            let gate = DispatchSemaphore(value: 0)
            let queue = FairQueue(label: "test", width: 1, extraWidth: 0)
            let running = job { gate.wait() }
            let waiting = job {}
            try queue.submit(running, of: 1)
            try queue.submit(waiting, of: 1)
            #expect(queue.remove(waiting.context, of: 1))
            #expect(!queue.remove(waiting.context, of: 1))
            #expect(!queue.remove(running.context, of: 1))
            gate.signal()
        }
    }
}

/// Computes for the given time.
///
/// The queue counts processor time, so a job that other processes interrupt must take as much of it
/// as on a free machine.
private func spin(_ time: Duration) {
    let end = processorTime() + time
    while processorTime() < end {}
}

/// The processor time of this thread.
private func processorTime() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}

/// A list to which jobs add values.
private final class Seen<Element: Sendable>: Sendable {
    private let noted = Mutex<[Element]>([])
    var list: [Element] { noted.withLock { $0 } }
    func append(_ element: Element) { noted.withLock { $0.append(element) } }
}

private func job(_ run: @escaping @Sendable () -> Void) -> FairQueue.Job {
    FairQueue.Job(context: CallContext(), run: run)
}
