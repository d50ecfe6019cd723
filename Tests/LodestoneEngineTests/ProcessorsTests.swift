// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneEngine
import LodestoneSystem
import Synchronization
import Testing

@Suite("Threads")
struct ProcessorsTests {
    #if os(Linux)
    @Test("Processors are counted by the affinity of the process")
    func affinity() async throws {
        await #expect(processExitsWith: .success) {
            // Swift's Glibc module does not import the function.
            typealias SetAffinity = @convention(c) (pid_t, Int, UnsafeRawPointer) -> Int32
            guard let symbol = dlsym(nil, "sched_setaffinity") else { exit(2) }
            var mask: UInt64 = 1
            guard unsafeBitCast(symbol, to: SetAffinity.self)(0, 8, &mask) == 0 else { exit(3) }
            exit(Processors.count == 1 ? 0 : 4)
        }
    }
    #endif

    @Test("A blocking pool leaves threads for other queues at any requested width")
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
        // If the pool used all threads of the process, this queue would wait until one of them
        // ends.
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
