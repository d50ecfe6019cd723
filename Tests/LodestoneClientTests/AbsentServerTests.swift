// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneWire
import Testing

@Suite("Client without a server", .timeLimit(.minutes(1)))
struct AbsentServerTests {
    /// A client that was connected to a server that has ended since.
    private func abandoned(retry: RetryPolicy = .standard) async throws -> LodestoneClient {
        let server = try ScriptedServer()
        let client = try await server.client(retry: retry)
        await server.end()
        // Notices that the connection is lost.
        while await failure(of: { () async throws(LodestoneError) in
            try await client.collection("c").get(["a"], deadline: .milliseconds(1))
        })?.reason != .connectionRefused {}
        return client
    }

    @Test("A call to an absent server retries until its deadline, then reports why")
    func waits() async throws {
        let client = try await abandoned()
        // Longer than the time between two attempts to connect.
        for deadline in [Duration.milliseconds(1_500), .milliseconds(2_500)] {
            let start = ContinuousClock.now
            let read = await failure { () async throws(LodestoneError) in
                try await client.collection("c").get(["a"], deadline: deadline)
            }
            let time = ContinuousClock.now - start
            #expect(read?.code == .unavailable && read?.reason == .connectionRefused)
            #expect(time >= deadline)
            let write = await failure { () async throws(LodestoneError) in
                try await client.collection("c").drop(["a"], deadline: deadline)
            }
            #expect(write?.reason == .connectionRefused && write?.outcome == .notApplied)
        }
        await client.close()
    }

    @Test("A client without retries fails at its first attempt to connect")
    func oneAttempt() async throws {
        let client = try await abandoned(retry: .none)
        let start = ContinuousClock.now
        let read = await failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["a"], deadline: .seconds(50))
        }
        #expect(read?.reason == .connectionRefused)
        #expect(ContinuousClock.now - start < .seconds(40))
        await client.close()
    }

    @Test("Cancellation of the task or close of the client ends the wait for a server")
    func ends() async throws {
        let client = try await abandoned()
        let cancelled = Task {
            await failure { () async throws(LodestoneError) in
                try await client.collection("c").drop(["a"], deadline: .seconds(50))
            }
        }
        cancelled.cancel()
        #expect(await cancelled.value?.reason == .cancelled)
        async let closed = failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["a"], deadline: .seconds(50))
        }
        await client.close()
        #expect(await closed?.reason == .clientClosed)
    }

    @Test("A client refuses a server with an older store until its configuration accepts it")
    func anotherStore() async throws {
        let behind = LodestoneError(
            .dataLoss,
            reason: .serverBehind,
            "The client was given sequence number 42; this store ends at 0.",
            recovery: "."
        )
        let server = try ScriptedServer(
            .init(hello: { $0.lastSequenceNumber == nil ? nil : .error(behind) })
        )
        let client = try await server.client()
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let lost = failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["a"])
        }
        try #require(await incomingCalls.next()).connection.stream.reset()
        for error in [
            await lost,
            await failure { () async throws(LodestoneError) in try await client.ping() },
        ] {
            #expect(error?.reason == .serverBehind && error?.message == behind.message)
            #expect(error?.recovery.contains("acceptStore()") == true)
        }
        client.acceptStore()
        #expect(try await client.ping() == 42)
        await client.close()
        await server.end()
    }

    @Test("A client with the longest possible durations works")
    func longTimes() async throws {
        let server = try ScriptedServer()
        var configuration = server.configuration()
        configuration.connectTimeout = .seconds(Int64.max)
        configuration.deadline = .seconds(Int64.max)
        configuration.busyPoll = .seconds(Int64.min)
        configuration.retry = RetryPolicy(
            firstBackoff: .seconds(Int64.max),
            maxBackoff: .seconds(Int64.max)
        )
        let client = try await LodestoneClient.connect(configuration)
        #expect(try await client.ping() == 42)
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let read = failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["a"], deadline: .seconds(5))
        }
        // The next attempt would come after the deadline, so there is none.
        try #require(await incomingCalls.next()).connection.stream.reset()
        #expect(await read?.code == .unavailable)
        let past = await failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["a"], deadline: .seconds(Int64.min))
        }
        #expect(past?.code == .deadlineExceeded)
        await client.close()
        await server.end()
    }

    @Test("A token or client name too long for the first frame is refused")
    func credentials() async throws {
        for (field, change) in [
            ("token", { $0.token = String(repeating: "t", count: 5_000) }),
            ("client_name", { $0.clientName = String(repeating: "n", count: 5_000) }),
        ] as [(String, (inout LodestoneClient.Configuration) -> Void)] {
            var configuration = LodestoneClient.Configuration()
            change(&configuration)
            let wrong = configuration
            let error = await failure { () async throws(LodestoneError) in
                try await LodestoneClient.connect(wrong)
            }
            #expect(error?.field == field && error?.reason == .limit)
            #expect(error?.message.contains("ttt") == false)
        }
        let server = try ScriptedServer()
        var configuration = server.configuration()
        configuration.token = String(repeating: "t", count: 3_072)
        configuration.clientName = String(repeating: "n", count: 512)
        let client = try await LodestoneClient.connect(configuration)
        await client.close()
        await server.end()
    }
}
