// SPDX-License-Identifier: Apache-2.0
import LodestoneTransport
import LodestoneWire
import Testing

@testable import LodestoneClient

@Suite("Clients of one loop", .timeLimit(.minutes(1)))
struct SharedLoopTests {
    /// Waits on the same loop as the others, and keeps it from ending with them.
    private func other(_ server: ScriptedServer, _ loops: SharedLoops) async throws
        -> LodestoneClient
    {
        try await LodestoneClient.connect(server.configuration(), loops: loops)
    }

    @Test("A client that is closed or released leaves the calls of the others alone")
    func close() async throws {
        let loops = SharedLoops(maxCount: 1)
        let server = try ScriptedServer()
        let client = try await other(server, loops)
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let documents = client.collection("c").get(["a"])
        let incoming = try #require(await incomingCalls.next())
        let closed = try await other(server, loops)
        await closed.close()
        var endings = server.endings.makeAsyncIterator()
        #expect(await endings.next() != nil)
        do {
            let released = try await other(server, loops)
            #expect(try await released.ping() == 42)
        }
        #expect(await endings.next() != nil)
        #expect(try await client.ping() == 42)
        incoming.reply(.echo(incoming.request))
        #expect(try await documents.first?.id == "a")
        await client.close()
        await server.end()
    }

    @Test("A closed client ends its calls on a connection whose server is about to leave")
    func leaving() async throws {
        let loops = SharedLoops(maxCount: 1)
        let server = try ScriptedServer()
        let other = try await other(server, loops)
        let client = try await LodestoneClient.connect(server.configuration(), loops: loops)
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let pending = failure { () async throws(LodestoneError) in
            try await client.collection("c").drop(["a"])
        }
        let first = try #require(await incomingCalls.next())
        first.connection.say(.goAway(GoAway(lastRequest: first.request.id, message: "bye")))
        while server.hellos.value.count < 3 { _ = try await client.ping() }
        await client.close()
        #expect(await pending?.reason == .clientClosed)
        #expect(await pending?.outcome == .unknown)
        #expect(try await other.ping() == 42)
        await other.close()
        await server.end()
    }

    @Test("A client that is given up before the server said hello ends its connection")
    func beforeHello() async throws {
        let loops = SharedLoops(maxCount: 1)
        let server = try ScriptedServer()
        let other = try await other(server, loops)
        let silent = try ScriptedServer(.init(repliesToHello: false))
        var endings = silent.endings.makeAsyncIterator()
        let connecting = Task {
            try await LodestoneClient.connect(silent.configuration(), loops: loops)
        }
        while silent.hellos.value.isEmpty { await Task.yield() }
        connecting.cancel()
        #expect(await endings.next() != nil)
        await #expect(throws: LodestoneError.self) { try await connecting.value }
        #expect(try await other.ping() == 42)
        await other.close()
        await server.end()
        await silent.end()
    }
}
