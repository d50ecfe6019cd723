// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneCore
import Synchronization
import Testing

@testable import LodestoneServer

@Suite("The queue of reads")
struct ReadQueueTests {
    @Test("runs jobs in the order in which they came")
    func order() async throws {
        let queue = ReadQueue(width: 1, maxWaiting: 100, patience: 100, maxWait: .seconds(1))
        let seen = Seen()
        try await offPool {
            let gate = DispatchSemaphore(value: 0)
            let done = DispatchSemaphore(value: 0)
            try queue.submit(job { gate.wait() })
            for number in 1...50 { try queue.submit(job { seen.append(number) }) }
            try queue.submit(job { done.signal() })
            gate.signal()
            done.wait()
        }
        #expect(seen.numbers == Array(1...50))
    }

    @Test("never runs more at once than it is wide")
    func width() async throws {
        let queue = ReadQueue(width: 3, maxWaiting: 1_000, patience: 1_000, maxWait: .seconds(1))
        let running = Atomic<Int>(0)
        let most = Mutex(0)
        await withCheckedContinuation { continuation in
            let left = Atomic<Int>(500)
            let finish: @Sendable () -> Void = {
                if left.subtract(1, ordering: .relaxed).newValue == 0 { continuation.resume() }
            }
            for _ in 1...500 {
                do {
                    try queue.submit(
                        job {
                            let now = running.add(1, ordering: .relaxed).newValue
                            most.withLock { $0 = max($0, now) }
                            running.subtract(1, ordering: .relaxed)
                            finish()
                        }
                    )
                } catch {
                    Issue.record(error)
                    finish()
                }
            }
        }
        #expect(most.withLock { $0 } <= 3)
    }

    @Test("refuses the newest when as many wait as may, or when the oldest waits too long")
    func refusal() async throws {
        try await offPool {
            let gate = DispatchSemaphore(value: 0)
            let full = ReadQueue(width: 1, maxWaiting: 1, patience: 100, maxWait: .seconds(100))
            try full.submit(job { gate.wait() })
            while full.waitingCount > 0 {}
            try full.submit(job {})
            let error = #expect(throws: LodestoneError.self) { try full.submit(job {}) }
            #expect(error?.reason == "OVERLOADED")

            let slow = ReadQueue(width: 1, maxWaiting: 100, patience: 2, maxWait: .zero)
            try slow.submit(job { gate.wait() })
            while slow.waitingCount > 0 {}
            try slow.submit(job {})
            try slow.submit(job {})
            #expect(throws: LodestoneError.self) { try slow.submit(job {}) }
            gate.signal()
            gate.signal()
        }
    }

    @Test("lets go of a job that waits, once, and not of one that runs")
    func removal() async throws {
        try await offPool {
            let gate = DispatchSemaphore(value: 0)
            let queue = ReadQueue(width: 1, maxWaiting: 10, patience: 10, maxWait: .seconds(1))
            let running = job { gate.wait() }
            let waiting = job {}
            try queue.submit(running)
            while queue.waitingCount > 0 {}
            try queue.submit(waiting)
            #expect(queue.remove(waiting.context))
            #expect(!queue.remove(waiting.context))
            #expect(!queue.remove(running.context))
            gate.signal()
        }
    }
}

/// What jobs have noted.
private final class Seen: Sendable {
    private let list = Mutex<[Int]>([])
    var numbers: [Int] { list.withLock { $0 } }
    func append(_ number: Int) { list.withLock { $0.append(number) } }
}

private func job(_ run: @escaping @Sendable () -> Void) -> ReadQueue.Job {
    ReadQueue.Job(context: CallContext(), run: run)
}
