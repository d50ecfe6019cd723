// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import Synchronization
import TestSupport
import Testing

@Suite("Restarted server", .timeLimit(.minutes(2)))
struct RestartTests {
    /// The results of 64 tasks that share a client.
    private final class Seen: Sendable {
        let calls = Mutex<[Int: Int]>([:])
        let errors = Mutex<[LodestoneError]>([])
        let isOver = Atomic<Bool>(false)

        /// Returns once every task has made `count` more calls.
        func everyTask(makes count: Int) async throws {
            let before = calls.withLock { $0 }
            while calls.withLock({ now in
                (0..<64).contains { now[$0, default: 0] < before[$0, default: 0] + count }
            }) {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    private func work(_ task: Int, _ collection: LodestoneClient.Collection, _ seen: Seen) async {
        var number = 0
        while !seen.isOver.load(ordering: .relaxed) {
            do throws(LodestoneError) {
                let id = try DocumentID("\(task)-\(number)")
                let deadline = Duration.seconds(20)
                try await collection.indexMany([Document(id: id)], deadline: deadline)
                if try await collection.get(id, deadline: deadline)?.id != id {
                    Issue.record("\(id) was written and isn't there")
                }
            } catch {
                seen.errors.withLock { $0.append(error) }
            }
            number += 1
            seen.calls.withLock { $0[task] = number }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    @Test(
        "A restart within the deadline fails no call and loses or repeats no write",
        arguments: [
            (SIGKILL, Duration.milliseconds(400)), (SIGTERM, .milliseconds(500)),
            (SIGKILL, .seconds(3)),
        ]
    )
    func restart(signal: Int32, away: Duration) async throws {
        let directory = try TemporaryDirectory()
        let store = directory.path + "/store"
        var program = try Program(["--data", store, "--listen", "127.0.0.1:0"])
        let endpoint = try await offPool { [program] in try program.endpoint() }
        let client = try await LodestoneClient.connect(.init(endpoint: endpoint))
        try await client.createCollection("c", CollectionOptions(dimension: 0))
        let collection = client.collection("c")
        let seen = Seen()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<64 { group.addTask { await work(task, collection, seen) } }
            for _ in 0..<2 {
                try await seen.everyTask(makes: 2)
                program.signal(signal)
                _ = try await offPool { [program] in program.status() }
                try await Task.sleep(for: away)
                program = try Program(["--data", store, "--listen", "\(endpoint)"])
                _ = try await offPool { [program] in try program.endpoint() }
            }
            try await seen.everyTask(makes: 2)
            seen.isOver.store(true, ordering: .relaxed)
            try await group.waitForAll()
        }
        let errors = seen.errors.withLock { $0 }
        #expect(
            errors.isEmpty,
            "\(errors.count) errors, the first: \(errors.first?.description ?? "")"
        )
        let written = seen.calls.withLock { $0.values.reduce(0, +) }
        #expect(try await collection.count().count == written)
        await client.close()
    }
}
