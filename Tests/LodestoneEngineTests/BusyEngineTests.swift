// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Engine with busy threads", .timeLimit(.minutes(1)))
struct BusyEngineTests {
    private let store: TestStore
    private let engine: Engine
    private let work = DispatchSemaphore(value: 0)

    init() async throws {
        store = try TestStore()
        engine = try store.open()
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        _ = try await engine.index("a", [Document(id: "x", vector: [1, 0])])
        // This work blocks all threads of the pool, like long searches.
        for _ in 0..<Processors.count { engine.pool.async { [work] in work.wait() } }
    }

    private func end() {
        for _ in 0..<Processors.count { work.signal() }
        engine.close()
    }

    @Test("A read that waits for a thread ends at its deadline")
    func deadline() async throws {
        let start = ContinuousClock.now
        let request = GetRequest(collection: "a", ids: ["x"])
        let end = await failure { _ = try await engine.get(request, timeout: .milliseconds(50)) }
        #expect(end?.reason == .deadline)
        #expect(start.duration(to: .now) < .seconds(2))
        self.end()
    }

    @Test("A read that waits for a thread ends when its task is cancelled")
    func cancellation() async throws {
        let task = Task { [engine] in
            await failure { _ = try await engine.get(GetRequest(collection: "a", ids: ["x"])) }
        }
        task.cancel()
        #expect(await task.value?.reason == .cancelled)
        end()
    }

    @Test("A write succeeds while all threads of the pool are busy")
    func writes() async throws {
        _ = try await engine.index("a", [Document(id: "y")])
        #expect(try engine.describe("a").documents == 2)
        end()
    }

    @Test("A waiting write ends when its task is cancelled and is not applied")
    func cancelledWrite() async throws {
        let lock = try HeldLock(store.path + "/lock")
        let task = Task { [engine] in
            await failure { _ = try await engine.index("a", [Document(id: "y")]) }
        }
        task.cancel()
        #expect(await task.value?.reason == .cancelled)
        lock.release()
        _ = try await engine.index("a", [Document(id: "z")])
        #expect(try engine.describe("a").documents == 2)
        end()
    }

    @Test("A waiting read gets its result once a thread is free")
    func results() async throws {
        async let documents = engine.get(GetRequest(collection: "a", ids: ["x"]))
        for _ in 0..<Processors.count { work.signal() }
        #expect(try await documents.map(\.id) == ["x"])
        engine.close()
    }
}
