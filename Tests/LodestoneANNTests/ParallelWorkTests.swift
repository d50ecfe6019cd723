// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import Testing

@testable import LodestoneANN

@Suite("Parallel work")
struct ParallelWorkTests {
    @Test("Parallel work performs each part once", arguments: [0, 1, 2, 7, 100])
    func parts(count: Int) {
        let done = Mutex<[Int]>([])
        ParallelWork.perform(parts: count) { part in done.withLock { $0.append(part) } }
        #expect(done.withLock { $0.sorted() } == Array(0..<count))
    }

    #if os(Linux)
    @Test("Every thread of parallel work has the priority of the thread that starts it")
    func niceness() async {
        let (own, found): (Int32, [Int32]) = await withCheckedContinuation { continuation in
            let thread = Thread {
                setpriority(Int32(PRIO_PROCESS.rawValue), 0, 10)
                let own = getpriority(Int32(PRIO_PROCESS.rawValue), 0)
                let found = Mutex<Set<pthread_t>>([])
                let values = Mutex<[Int32]>([])
                ParallelWork.perform(parts: 3) { _ in
                    found.withLock { _ = $0.insert(pthread_self()) }
                    // Each part waits for the others, so that each has a thread.
                    while found.withLock({ $0.count }) < 3 { sched_yield() }
                    let value = getpriority(Int32(PRIO_PROCESS.rawValue), 0)
                    values.withLock { $0.append(value) }
                }
                continuation.resume(returning: (own, values.withLock { $0 }))
            }
            thread.start()
        }
        #expect(own > 0)
        #expect(found == [own, own, own])
    }
    #endif
}
