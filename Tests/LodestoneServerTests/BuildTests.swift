// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire
import TestSupport
import Testing

@Suite("Maintenance calls", .timeLimit(.minutes(1)))
struct BuildTests {
    private static func fill(_ client: RawClient) throws {
        let options = CollectionOptions(dimension: 2, vectorStrategy: .hnswBatch)
        _ = try client.call(.createCollection(name: "a", options))
        _ = try client.call(
            .indexMany(
                IndexManyRequest(
                    collection: "a",
                    documents: [
                        Document(id: "x", vector: [1, 0]), Document(id: "y", vector: [0, 1]),
                    ]
                )
            )
        )
    }

    private static func find(_ client: RawClient) throws -> [DocumentID] {
        let request = SearchRequest(collection: "a", queries: [Query([.near([1, 0.1])])])
        guard case .search(let found) = try client.call(.search(request)) else { return [] }
        return found.results[0].hits.map(\.id)
    }

    /// Runs `body` with a collection whose index can't be built until the lock is released.
    private func whileHeld(
        _ body: @escaping @Sendable (RunningServer, RawClient, HeldLock) throws -> Void
    ) async throws {
        try await withServer { server in
            let client = try server.connect()
            try Self.fill(client)
            try body(server, client, try server.holdCompactions())
        }
    }

    @Test("An index build is replied to when it is done, while searches go on")
    func done() async throws {
        try await whileHeld { server, client, lock in
            let build = try client.send(.buildIndex(collection: "a"))
            try server.waitUntilCalls(1)
            #expect(try Self.find(client) == ["x", "y"])
            lock.release()
            #expect(try client.reply(to: build) == .done(sequenceNumber: 2))
            #expect(try Self.find(client) == ["x", "y"])
        }
    }

    @Test("An index build ends when it is cancelled, late or disconnected")
    func ended() async throws {
        try await whileHeld { server, client, lock in
            let build = try client.send(.buildIndex(collection: "a"))
            try server.waitUntilCalls(1)
            try client.send(.cancel(id: build))
            #expect(try client.reply(to: build).error?.code == .cancelled)
            let late = try client.call(
                .buildIndex(collection: "a"),
                deadline: .milliseconds(20)
            )
            #expect(late.error?.code == .deadlineExceeded)
            do {
                let leaving = try server.connect()
                try leaving.send(.buildIndex(collection: "a"))
                try server.waitUntilCalls(1)
            }
            try server.waitUntilCalls(0)
            #expect(try Self.find(client) == ["x", "y"])
            lock.release()
        }
    }

    @Test("An index build is refused when too many wait or the collection is unknown")
    func refused() async throws {
        try await whileHeld { server, client, lock in
            let builds = try (0..<8).map { _ in try client.send(.buildIndex(collection: "a")) }
            try server.waitUntilCalls(8)
            let refused = try client.call(.buildIndex(collection: "a")).error
            #expect(refused?.code == .resourceExhausted && refused?.reason == .buildsRun)
            lock.release()
            for reply in try client.replies(to: builds) {
                #expect(reply == .done(sequenceNumber: 2))
            }
            let unknown = try client.call(.buildIndex(collection: "b")).error
            #expect(unknown?.code == .notFound)
        }
    }

    @Test("An index build follows a change of strategy by itself")
    func altered() async throws {
        try await withServer { server in
            let client = try server.connect()
            try Self.fill(client)
            let altered = try client.call(
                .alterCollection(name: "a", CollectionChange(vectorStrategy: .flatScan))
            )
            #expect(altered.receipt?.sequenceNumber == 3)
            var base: UInt64 = 0
            while base == 0 {
                guard case .collection(let one) = try client.call(.describeCollection(name: "a"))
                else { break }
                #expect(one.options.vectorStrategy == .flatScan)
                base = one.baseByteCount
            }
            #expect(base > 0)
            #expect(try Self.find(client) == ["x", "y"])
        }
    }

    @Test("Maintenance calls may take longer than the deadline limit of other calls")
    func longerThanOthers() async throws {
        try await withServer { configuration in
            configuration.limits.defaultDeadline = .milliseconds(400)
            configuration.limits.maxDeadline = .milliseconds(400)
        } _: { server in
            let client = try server.connect()
            try Self.fill(client)
            let lock = try server.holdCompactions()
            let calls = [Call.verify, .compact(collection: "a"), .buildIndex(collection: "a")]
            let sent = try calls.map { try client.send($0) }
            let start = ContinuousClock.now
            while start.duration(to: .now) < .milliseconds(1_000) {
                #expect(try Self.find(client) == ["x", "y"])
            }
            lock.release()
            for reply in try client.replies(to: sent) { #expect(reply.error == nil) }
            // A deadline may be shorter than the maximum.
            let held = try server.holdCompactions()
            let late = try client.call(.verify, deadline: .milliseconds(20))
            #expect(late.error?.code == .deadlineExceeded)
            held.release()
        }
    }

    @Test("A snapshot is fetched in parts up to an empty part at its end")
    func fetched() async throws {
        try await withServer { server in
            let client = try server.connect()
            try Self.fill(client)
            guard case .snapshot(let made) = try client.call(.snapshot(name: "s")) else {
                Issue.record("There is no snapshot.")
                return
            }
            var bytes: [UInt8] = []
            func part(_ offset: UInt64, _ maxBytes: Int, of name: String = "s") throws -> Reply? {
                try client.call(.fetchSnapshot(name: name, offset: offset, maxBytes: maxBytes))
            }
            while bytes.count < Int(made.byteCount) {
                guard case .snapshotPart(let next) = try part(UInt64(bytes.count), 300) else {
                    Issue.record("There is no part at \(bytes.count).")
                    return
                }
                #expect(next.byteCount == made.byteCount && (1...300).contains(next.bytes.count))
                bytes += next.bytes
            }
            #expect(bytes == [UInt8](try server.snapshotFile("s")))
            let end = SnapshotPart(bytes: [], byteCount: made.byteCount)
            #expect(try part(made.byteCount, 300) == .snapshotPart(end))
            #expect(try part(made.byteCount + 1, 300)?.error?.reason == .badOffset)
            #expect(try part(.max, 300)?.error?.reason == .badOffset)
            #expect(try part(0, 0)?.error?.reason == .badCount)
            #expect(try part(0, (8 << 20) + 1)?.error?.reason == .limit)
            #expect(try part(0, 300, of: "t")?.error?.reason == .noSnapshot)
            #expect(try part(0, 300, of: "../s")?.error?.reason == .badName)
        }
    }

    @Test("An erasure leaves no dropped document in a file once it is replied to")
    func erased() async throws {
        try await withServer { server in
            let client = try server.connect()
            try Self.fill(client)
            guard case .snapshot = try client.call(.snapshot(name: "old")) else {
                Issue.record("There is no snapshot.")
                return
            }
            _ = try client.call(.dropMany(DropManyRequest(collection: "a", ids: ["x"])))
            let receipt = EraseReceipt(sequenceNumber: 3, snapshots: ["old"])
            #expect(try client.call(.erase(collection: "a")) == .erased(receipt))
            for _ in 0..<2 {
                #expect(
                    try client.call(.deleteSnapshot(name: "old")) == .done(sequenceNumber: 3)
                )
            }
            #expect(try client.call(.deleteSnapshot(name: "../a")).error?.reason == .badName)
            let rest = EraseReceipt(sequenceNumber: 3, snapshots: [])
            #expect(try client.call(.erase(collection: nil)) == .erased(rest))
            #expect(try client.call(.erase(collection: "b")).error?.code == .notFound)
            #expect(try Self.find(client) == ["y"])
        }
    }
}
