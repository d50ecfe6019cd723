// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import Synchronization
import TestSupport
import Testing

@testable import LodestoneStorage

@Suite("Store lock")
struct StoreLockTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Opens the lock as another process would.
    private func open() throws -> StoreLock {
        try StoreLock(
            directory.path + "/lock",
            turn: directory.path + "/turn.lock",
            lockTimeout: .seconds(20)
        )
    }

    @Test("The store lock goes to a waiting thread before its last holder", .timeLimit(.minutes(1)))
    func takesTurns() async throws {
        let (busy, other) = (try open(), try open())
        let rounds = Rounds()
        async let others = onThread {
            // From here on both threads use the lock.
            while rounds.count.load(ordering: .relaxed) == 0 { usleep(100) }
            let before = rounds.count.load(ordering: .relaxed)
            for _ in 0..<100 { try other.exclusively { _ = usleep(500) } }
            rounds.isOver.store(true, ordering: .relaxed)
            return rounds.count.load(ordering: .relaxed) - before
        }
        try await onThread {
            while !rounds.isOver.load(ordering: .relaxed) {
                try busy.exclusively { _ = usleep(500) }
                rounds.count.add(1, ordering: .relaxed)
            }
        }
        #expect(try await others < 400)
    }

    @Test(
        "The store lock is awaited without a time limit while a thread of this process holds it",
        .timeLimit(.minutes(1))
    )
    func heldByThread() async throws {
        let lock = try StoreLock(
            directory.path + "/lock",
            turn: directory.path + "/turn.lock",
            lockTimeout: .milliseconds(20)
        )
        let rounds = Rounds()
        async let long: Void = onThread {
            try lock.exclusively {
                rounds.count.add(1, ordering: .relaxed)
                usleep(300_000)
            }
        }
        try await onThread {
            while rounds.count.load(ordering: .relaxed) == 0 { usleep(100) }
            try lock.exclusively {}
        }
        try await long
        // For another process the time counts as a wait.
        try open().exclusively { () throws(LodestoneError) in
            let error = #expect(throws: LodestoneError.self) { try lock.exclusively {} }
            #expect(error?.reason == .storeBusy)
        }
    }

    @Test("The store lock is released after a wait for it was given up", .timeLimit(.minutes(1)))
    func givenUp() async throws {
        let (first, second) = (try open(), try open())
        let call = CallContext(timeout: .milliseconds(20))
        _ = try first.exclusively { () throws(LodestoneError) in
            #expect(throws: LodestoneError.self) {
                try second.exclusively(while: call.check, {})
            }
        }
        // The second lock returns a lock that the kernel granted too late.
        try first.exclusively {}
        try second.exclusively {}
        try first.exclusively {}
    }
}

private final class Rounds: Sendable {
    let count = Atomic<Int>(0)
    let isOver = Atomic<Bool>(false)
}

/// Runs `body` on its own thread.
private func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
