// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneEngine
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite("Threads")
struct ProcessorsTests {
    #if os(Linux)
    @Test("are counted by the processors that the process may use")
    func affinity() async throws {
        let result = await #expect(processExitsWith: .success) {
            var mask = cpu_set_t()
            mask.__bits.0 = 1
            guard sched_setaffinity(0, MemoryLayout<cpu_set_t>.size, &mask) == 0 else { exit(2) }
            exit(Processors.count == 1 ? 0 : 3)
        }
        #expect(result != nil)
    }
    #endif

    @Test("of a pool leave some for other queues, however many were asked for")
    func width() async throws {
        let pool = BlockingPool(label: "wide", width: 1_000)
        let gate = DispatchSemaphore(value: 0)
        let running = Atomic<Int>(0)
        let done = DispatchGroup()
        for _ in 0..<1_000 {
            done.enter()
            pool.async {
                running.add(1, ordering: .relaxed)
                gate.wait()
                done.leave()
            }
        }
        while running.load(ordering: .relaxed) < BlockingPool.maxWidth { await Task.yield() }
        // With a thread for each, this queue would wait until one of them ends.
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "another").async { continuation.resume() }
        }
        #expect(running.load(ordering: .relaxed) == BlockingPool.maxWidth)
        for _ in 0..<1_000 { gate.signal() }
        await withCheckedContinuation { continuation in
            done.notify(queue: .global()) { continuation.resume() }
        }
        #expect(running.load(ordering: .relaxed) == 1_000)
    }
}
