// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneTransport
import LodestoneWire
import Testing

@Suite("Cancelled calls", .timeLimit(.minutes(1)))
struct CancelTests {
    @Test("A cancelled read ends at once, and the server learns of it")
    func cancelRead() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        let task = Task {
            await failure { () async throws(LodestoneError) in
                try await client.collection("c").get(["a"])
            }
        }
        let incoming = try #require(await incomingCalls.next())
        task.cancel()
        let error = await task.value
        #expect(error?.code == .cancelled)
        #expect(error?.outcome == .notApplied)
        #expect(
            try #require(await incomingCalls.next()).request.call
                == .cancel(id: incoming.request.id)
        )
        await client.close()
        await server.end()
    }

    @Test("A cancelled write waits for its outcome from the server")
    func cancelWrite() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        let cancelled = LodestoneError(
            .cancelled,
            reason: .cancelled,
            "",
            recovery: "",
            outcome: .notApplied
        )
        for (reply, outcome) in [
            (Reply.error(cancelled), LodestoneError.Outcome?.some(.notApplied)),
            (.written(at: 7), nil),
        ] {
            let task = Task {
                await failure { () async throws(LodestoneError) in
                    try await client.collection("c").drop(["a"])
                }
            }
            let incoming = try #require(await incomingCalls.next())
            task.cancel()
            let cancel = try #require(await incomingCalls.next())
            #expect(cancel.request.call == .cancel(id: incoming.request.id))
            incoming.reply(reply)
            #expect(await task.value?.outcome == outcome)
        }
        // Without its word, the outcome is unknown.
        let task = Task {
            await failure { () async throws(LodestoneError) in
                try await client.collection("c").drop(["a"])
            }
        }
        _ = try #require(await incomingCalls.next())
        task.cancel()
        let error = await task.value
        #expect(error?.code == .cancelled)
        #expect(error?.outcome == .unknown)
        await client.close()
        await server.end()
    }

    @Test("A cancelled write waits for its outcome as long as configured", arguments: [0, 60_000])
    func cancelGracePeriod(milliseconds: Int) async throws {
        let server = try ScriptedServer()
        var configuration = server.configuration()
        configuration.cancelGracePeriod = .milliseconds(milliseconds)
        let client = try await LodestoneClient.connect(configuration)
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        let task = Task {
            await failure { () async throws(LodestoneError) in
                try await client.collection("c").drop(["a"])
            }
        }
        let incoming = try #require(await incomingCalls.next())
        let start = ContinuousClock.now
        task.cancel()
        #expect(
            try #require(await incomingCalls.next()).request.call
                == .cancel(id: incoming.request.id)
        )
        if milliseconds > 0 {
            // Longer than the standard.
            try await Task.sleep(for: .seconds(2.5))
            incoming.reply(.written(at: 7))
            #expect(await task.value == nil)
        } else {
            #expect(await task.value?.outcome == .unknown)
            #expect(ContinuousClock.now - start < .seconds(1.5))
        }
        await client.close()
        await server.end()
    }

    @Test("A call cancelled in the queue is never sent")
    func cancelQueued() async throws {
        let server = try ScriptedServer(.init(maxInFlight: 1))
        let client = try await server.client()
        let collection = client.collection("c")
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let first = collection.get(["first"])
        let incoming = try #require(await incomingCalls.next())
        let task = Task {
            await failure { () async throws(LodestoneError) in
                try await collection.drop(["second"])
            }
        }
        task.cancel()
        #expect(await task.value?.code == .cancelled)
        async let third = collection.get(["third"])
        incoming.reply(.echo(incoming.request))
        let next = try #require(await incomingCalls.next())
        #expect(next.request.call == .get(GetRequest(collection: "c", ids: ["third"])))
        next.reply(.echo(next.request))
        _ = try await (first, third)
        await client.close()
        await server.end()
    }
}
