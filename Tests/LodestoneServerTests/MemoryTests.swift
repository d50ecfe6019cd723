// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneWire
import Synchronization
import TestSupport
import Testing

@testable import LodestoneServer

@Suite("Server memory")
struct MemoryTests {
    /// The beginning of a frame of `byteCount` bytes, with its first `sent` bytes.
    private static func beginning(of byteCount: Int, sent: Int) -> [UInt8] {
        let length = UInt32(byteCount)
        let header = (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
        return header + [UInt8](repeating: 0, count: sent)
    }

    @Test("Unfinished frames make room for a complete one")
    func halfFrames() async throws {
        try await withServer {
            $0.memoryBudget = 24 << 20
            $0.limits.maxFrameBytes = 4 << 20
            // The time is so long that silence alone does not end the frames.
            $0.limits.frameTimeout = .seconds(500)
            $0.limits.helloTimeout = .milliseconds(400)
        } _: { server in
            let honest = try server.connect()
            _ = try honest.call(.createCollection(name: "c", CollectionOptions(dimension: 0)))
            let silent = try (1...4).map { _ in
                let client = try server.connect()
                try client.send(Self.beginning(of: 4 << 20, sent: 300_000))
                return client
            }
            // One frame has taken all of the memory, and the others wait with their bytes in the
            // socket.
            while try server.statistic("server.frames.waiting") != 3 {}
            #expect(try server.statistic("server.memory.frames") == Double(4 << 20) + 4)
            let text = String(repeating: "word ", count: 20_000)
            let documents = (1...8).map { Document(id: DocumentID(trusted: "\($0)"), text: text) }
            let write = Call.indexMany(IndexManyRequest(collection: "c", documents: documents))
            #expect(try honest.call(write).error == nil)
            for client in silent { #expect(try client.lastError()?.reason == .frameMemory) }
            #expect(try server.statistic("server.frames.waiting") == 0)
            #expect(try server.statistic("server.memory.frames") == 0)
        }
    }

    @Test("A frame without progress is ended after the frame timeout")
    func silence() async throws {
        try await withServer {
            $0.limits.frameTimeout = .milliseconds(100)
            $0.limits.minFrameBytesPerSecond = 1
        } _: { server in
            let client = try server.connect()
            // The minimum rate alone would let the frame stay for days.
            try client.send(Self.beginning(of: 4 << 20, sent: 1_000_000))
            #expect(try client.lastError()?.reason == .slowRead)
        }
    }

    @Test("Long frames of a connection are decoded one after another, in their order")
    func longFrames() async throws {
        try await withServer { server in
            let client = try server.connect()
            _ = try client.call(.createCollection(name: "c", CollectionOptions(dimension: 0)))
            let text = String(repeating: "word ", count: 40_000)
            var writes: [UInt64] = []
            for version in 1...10 {
                let metadata: Metadata = ["version": .int(Int64(version))]
                let documents = (1...2).map {
                    Document(id: DocumentID(trusted: "\($0)"), text: text, metadata: metadata)
                }
                writes.append(
                    try client.send(
                        .indexMany(IndexManyRequest(collection: "c", documents: documents))
                    )
                )
                try client.send(.ping)
            }
            #expect(try client.replies(to: writes).allSatisfy { $0.error == nil })
            // The writes of one connection keep their order, so the last one wins.
            let get = Call.get(GetRequest(collection: "c", ids: ["1", "2"], include: [.metadata]))
            guard case .documents(let documents) = try client.call(get) else {
                Issue.record("the reply to get has no documents")
                return
            }
            #expect(documents.map { $0.metadata["version"] } == [.int(10), .int(10)])
            #expect(try server.statistic("server.memory.frames") == 0)
        }
    }

    @Test("A malformed long frame is refused, and its connection stays open")
    func malformedLongFrame() async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(Self.beginning(of: 1 << 20, sent: 1 << 20))
            #expect(try client.receive()?.reply.error?.reason == .malformed)
            #expect(try client.call(.ping).error == nil)
            #expect(try server.statistic("server.memory.frames") == 0)
        }
    }

    @Test("Clients that read no replies make room for one that does")
    func unread() async throws {
        try await withServer {
            $0.memoryBudget = 24 << 20
            $0.limits.maxFrameBytes = 4 << 20
            $0.limits.maxUnreadBytes = 64 << 20
            $0.limits.helloTimeout = .milliseconds(400)
        } _: { server in
            let honest = try server.connect()
            _ = try honest.call(.createCollection(name: "c", CollectionOptions(dimension: 0)))
            let text = String(repeating: "word ", count: 200_000)
            let documents = [Document(id: "a", text: text)]
            let write = Call.indexMany(IndexManyRequest(collection: "c", documents: documents))
            #expect(try honest.call(write).error == nil)
            let get = Call.get(GetRequest(collection: "c", ids: ["a"]))
            let deaf = try (1...20).map { _ in
                let client = try RawClient(server.endpoint, receiveBuffer: 64 << 10)
                for _ in 1...30 { try client.send(get) }
                return client
            }
            let limit = Double(4 << 20) + 4
            while try server.statistic("server.memory.output") ?? 0 < limit {}
            for _ in 1...3 { #expect(try honest.call(get).error == nil) }
            // Without the limit, 20 clients would leave 26 MB or so each of unread replies.
            #expect(try server.statistic("server.memory.output") ?? limit * 2 < limit * 2)
            while try server.statistic("server.connections") ?? 22 >= 22 {}
            _ = deaf
        }
    }

    @Test("A small frame passes waiting large ones, and a complete frame is not ended")
    func gate() {
        let gate = FrameGate(memory: MemoryBudget(limit: 128 << 20))
        let ended = Mutex<[UInt64]>([])
        let enter = { (connection: UInt64, byteCount: Int) in
            gate.enter(
                connection,
                byteCount: byteCount,
                end: { ended.withLock { $0.append(connection) } },
                admit: {}
            )
        }
        for connection in 1...6 as ClosedRange<UInt64> { #expect(enter(connection, 16 << 20)) }
        #expect(!enter(7, 16 << 20))
        #expect(enter(8, 4 << 20))
        gate.complete(1)
        gate.relieve(.now.advanced(by: .seconds(2)))
        #expect(Set(ended.withLock { $0 }) == [2, 3, 4, 5, 6, 8])
        gate.leave(2)
        gate.leave(8)
        #expect(gate.waitingCount == 0)
        for connection in 1...8 as ClosedRange<UInt64> { gate.leave(connection) }
        #expect(enter(9, 128 << 20))
    }

    @Test("A read that waits for memory is removed once or admitted when memory is free")
    func outputGate() {
        let memory = MemoryBudget(limit: 1_000)
        let gate = OutputGate(memory: memory, replies: MemoryBudget(limit: 1_000))
        let entered = Mutex(0)
        let enter = { (context: CallContext, isBlocked: Bool) in
            gate.enter(context, isBlocked: { isBlocked }, { entered.withLock { $0 += 1 } })
        }
        memory.take(600)
        let (first, second) = (CallContext(), CallContext())
        #expect(enter(first, false))
        #expect(!enter(first, true))
        #expect(!enter(second, true))
        #expect(gate.remove(first))
        #expect(!gate.remove(first))
        memory.take(-200)
        gate.letInIfAnyWaits()
        #expect(entered.withLock { $0 } == 1)
        #expect(!gate.remove(second))
    }

    @Test("The memory limit is the least of all enclosing control groups, of either version")
    func controlGroups() throws {
        let root = try TemporaryDirectory()
        func limit(_ path: String, _ text: String) throws {
            let file = URL(fileURLWithPath: root.path + path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data("\(text)\n".utf8).write(to: file)
        }
        try limit("/a/b/memory.max", "max")
        try limit("/a/memory.max", "3000")
        try limit("/memory/c/d/memory.limit_in_bytes", "9223372036854771712")
        try limit("/memory/c/memory.limit_in_bytes", "2000")
        try limit("/memory/memory.limit_in_bytes", "9223372036854771712")
        func found(_ groups: String) -> Int? {
            SystemMemory.controlGroupLimit(groups, in: root.path)
        }
        #expect(found("0::/a/b\n") == 3_000)
        #expect(found("12:cpu,cpuacct:/x\n9:memory:/c/d\n0::/a/b\n") == 2_000)
        #expect(found("9:hugetlb,memory:/c/d\n1:name=systemd:/\n0::/\n") == 2_000)
        // In a container, the process finds its own group at the root.
        #expect(found("9:memory:/docker/0123\n") == 9_223_372_036_854_771_712)
        #expect(found("0::/z\n") == nil)
        #expect(found("") == nil)
    }

    @Test("The parts of the server memory add up to the budget or more")
    func parts() {
        let memory = ServerMemory(limit: 600 << 20, maxFrameBytes: 16 << 20)
        #expect(memory.parts.reduce(0) { $0 + $1.budget.limit } == 600 << 20)
        #expect(ServerMemory(limit: 1 << 20, maxFrameBytes: 16 << 20).frames.reserve(16 << 20))
        #expect(MemoryShares.calls <= 768 << 20)
    }
}
