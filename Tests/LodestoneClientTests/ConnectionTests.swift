// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneTransport
import LodestoneWire
import Testing

@Suite("Client connection", .timeLimit(.minutes(1)))
struct ConnectionTests {
    private func overloaded(retryAfter: Duration?) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .overloaded,
            "",
            recovery: "",
            retryAfter: retryAfter
        )
    }

    @Test("A lost connection fails its calls, and only writes have an unknown outcome")
    func lost() async throws {
        let server = try ScriptedServer()
        let client = try await server.client(retry: .none)
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let read = failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["a"])
        }
        _ = try #require(await incomingCalls.next())
        async let write = failure { () async throws(LodestoneError) in
            try await client.collection("c").drop(["a"])
        }
        try #require(await incomingCalls.next()).connection.stream.reset()
        #expect(await read?.code == .unavailable)
        #expect(await read?.outcome == .notApplied)
        #expect(await write?.code == .unavailable)
        #expect(await write?.outcome == .unknown)
        // The next call opens a new connection and sends the last sequence number of this client.
        #expect(try await client.ping() == 42)
        #expect(server.hellos.value.map(\.lastSequenceNumber) == [nil, 42])
        await client.close()
        await server.end()
    }

    @Test("A lost connection is replaced, and writes are repeated with their request id")
    func retries() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        let requestID = RequestID.random()
        async let receipt = client.collection("c").drop(["a"], requestID: requestID)
        let first = try #require(await incomingCalls.next())
        first.connection.stream.close()
        let second = try #require(await incomingCalls.next())
        #expect(first.request.requestID == requestID)
        #expect(second.request.requestID == requestID)
        #expect(second.request.call == first.request.call)
        #expect(second.connection !== first.connection)
        second.reply(.written(at: 9))
        #expect(try await receipt.sequenceNumber == 9)
        await client.close()
        await server.end()
    }

    @Test("Repeated connection losses end a call after four attempts, and later calls after one")
    func attempts() async throws {
        let server = try ScriptedServer()
        let client = try await server.client(
            retry: RetryPolicy(firstBackoff: .milliseconds(5))
        )
        let attempts = Shared(0)
        let resetting = Task {
            for await incoming in server.incomingCalls {
                attempts.update { $0 += 1 }
                incoming.connection.stream.reset()
            }
        }
        let error = await failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["a"])
        }
        #expect(error?.code == .unavailable)
        #expect(attempts.value == 4)
        // By now there is too much trouble for retries.
        let next = await failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["a"])
        }
        #expect(next?.code == .unavailable)
        #expect(attempts.value == 5)
        resetting.cancel()
        await client.close()
        await server.end()
    }

    @Test("A write's unknown outcome stays unknown after later attempts")
    func doubtStays() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let error = failure { () async throws(LodestoneError) in
            try await client.collection("c").drop(["a"])
        }
        try #require(await incomingCalls.next()).connection.stream.close()
        try #require(await incomingCalls.next()).reply(.error(overloaded(retryAfter: nil)))
        #expect(await error?.reason == .overloaded)
        #expect(await error?.outcome == .unknown)
        await client.close()
        await server.end()
    }

    @Test("A call is repeated when the server's retry delay has passed, not before")
    func retryAfter() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let documents = client.collection("c").get(["a"])
        let first = try #require(await incomingCalls.next())
        let start = ContinuousClock.now
        first.reply(.error(overloaded(retryAfter: .milliseconds(60))))
        let second = try #require(await incomingCalls.next())
        #expect(ContinuousClock.now - start >= .milliseconds(60))
        #expect(second.request.id != first.request.id)
        second.reply(.echo(second.request))
        #expect(try await documents.count == 1)
        await client.close()
        await server.end()
    }

    @Test("A call is repeated only within its deadline")
    func deadlineSpansAttempts() async throws {
        let server = try ScriptedServer()
        let client = try await server.client(deadline: .seconds(60))
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        let start = ContinuousClock.now
        async let error = failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["a"])
        }
        try #require(await incomingCalls.next()).reply(
            .error(overloaded(retryAfter: .seconds(300)))
        )
        #expect(await error?.reason == .overloaded)
        // It does not sit the deadline out; how soon it ends is the machine's affair.
        #expect(ContinuousClock.now - start < .seconds(50))
        await client.close()
        await server.end()
    }

    @Test("A server that goes away finishes started calls, and other calls use a new connection")
    func goAway() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        var endings = server.endings.makeAsyncIterator()
        async let started = client.collection("c").get(["started"])
        let first = try #require(await incomingCalls.next())
        async let other = client.collection("c").drop(["other"])
        let second = try #require(await incomingCalls.next())
        first.connection.say(.goAway(GoAway(lastRequest: first.request.id, message: "bye")))
        let again = try #require(await incomingCalls.next())
        #expect(again.connection !== first.connection)
        #expect(again.request.call == second.request.call)
        #expect(again.request.requestID == second.request.requestID)
        again.reply(.written(at: 3))
        #expect(try await other.sequenceNumber == 3)
        first.reply(.echo(first.request))
        #expect(try await started.first?.id == "started")
        // With its last call, the old connection has no purpose.
        #expect(await endings.next() == ObjectIdentifier(first.connection))
        await client.close()
        await server.end()
    }

    @Test("A server that goes away repeatedly makes no call fail")
    func manyGoAways() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        let replying = Task {
            var count = 0
            for await incoming in server.incomingCalls {
                count += 1
                if count % 5 == 0 {
                    let last = incoming.request.id - 1
                    incoming.connection.say(.goAway(GoAway(lastRequest: last, message: "bye")))
                } else {
                    incoming.reply(.echo(incoming.request))
                }
            }
        }
        for number in 0..<100 {
            let id = try DocumentID("\(number)")
            #expect(try await client.collection("c").get(id)?.id == id)
        }
        replying.cancel()
        await client.close()
        await server.end()
    }

    @Test("The last error of a server that closes the connection becomes the calls' error")
    func lastWord() async throws {
        let server = try ScriptedServer()
        let client = try await server.client(retry: .none)
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let error = failure { () async throws(LodestoneError) in
            try await client.collection("c").drop(["a"])
        }
        let peer = try #require(await incomingCalls.next()).connection
        peer.say(
            .error(
                LodestoneError(.unavailable, reason: .tooManyConnections, "", recovery: "")
            )
        )
        peer.stream.closeAfterFlush()
        #expect(await error?.reason == .tooManyConnections)
        #expect(await error?.outcome == .unknown)
        await client.close()
        await server.end()
    }

    @Test("A connection refused by the server reports the server's error")
    func refused() async throws {
        let server = try ScriptedServer(
            .init(hello: { hello in
                hello.token == Array("secret".utf8)
                    ? nil
                    : .error(
                        LodestoneError(
                            .unauthenticated,
                            reason: .unauthenticated,
                            "No.",
                            recovery: ""
                        )
                    )
            })
        )
        var configuration = server.configuration()
        let error = await failure { () async throws(LodestoneError) in
            try await LodestoneClient.connect(configuration)
        }
        #expect(error?.code == .unauthenticated)
        configuration.token = "secret"
        let client = try await LodestoneClient.connect(configuration)
        #expect(server.hellos.value.last?.clientName == configuration.clientName)
        await client.close()
        await server.end()
    }

    @Test("A connection to an absent or silent server fails with the reason")
    func noServer() async throws {
        let server = try ScriptedServer(.init(repliesToHello: false))
        var configuration = server.configuration()
        configuration.connectTimeout = .milliseconds(50)
        let silent = configuration
        let silence = await failure { () async throws(LodestoneError) in
            try await LodestoneClient.connect(silent)
        }
        #expect(silence?.reason == .helloTimeout)
        await server.end()
        let absence = await failure { () async throws(LodestoneError) in
            try await LodestoneClient.connect(silent)
        }
        #expect(absence?.reason == .connectionRefused)
        let nonsense = await failure { () async throws(LodestoneError) in
            try await LodestoneClient.connect(to: "no:such:address")
        }
        #expect(nonsense?.code == .invalidArgument)
    }

    @Test("A connection to a server that went silent is given up")
    func silentServer() async throws {
        let server = try ScriptedServer()
        let client = try await server.client(retry: .none)
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        var endings = server.endings.makeAsyncIterator()
        async let long = failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["long"])
        }
        let incoming = try #require(await incomingCalls.next())
        async let short = failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["short"], deadline: .milliseconds(20))
        }
        #expect(await short?.code == .deadlineExceeded)
        #expect(await long?.reason == .noReply)
        #expect(await endings.next() == ObjectIdentifier(incoming.connection))
        #expect(try await client.ping() == 42)
        await client.close()
        await server.end()
    }

    @Test("A connection on which other replies arrive survives a call without one")
    func busyServer() async throws {
        let server = try ScriptedServer()
        let client = try await server.client(retry: .none)
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let long = failure { () async throws(LodestoneError) in
            _ = try await client.collection("c").get(["long"])
        }
        let incoming = try #require(await incomingCalls.next())
        let short = await failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["short"], deadline: .milliseconds(20))
        }
        #expect(short?.code == .deadlineExceeded)
        // Longer than a server may be silent after a deadline.
        let end = ContinuousClock.now + .seconds(3)
        while ContinuousClock.now < end {
            #expect(try await client.ping() == 42)
        }
        incoming.reply(.documents([]))
        #expect(await long == nil)
        #expect(server.hellos.value.count == 1)
        await client.close()
        await server.end()
    }

    @Test("A connection with an invalid frame is given up")
    func garbage() async throws {
        let server = try ScriptedServer()
        let client = try await server.client(retry: .none)
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let error = failure { () async throws(LodestoneError) in
            try await client.collection("c").drop(["a"])
        }
        let incoming = try #require(await incomingCalls.next())
        incoming.connection.stream.send { $0.append(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF, 1]) }
        #expect(await error?.reason == .frameTooLarge)
        #expect(await error?.outcome == .unknown)
        #expect(try await client.ping() == 42)
        await client.close()
        await server.end()
    }

    @Test("A connection survives an unreadable reply, and the write's outcome is unknown")
    func unreadableReply() async throws {
        let server = try ScriptedServer()
        let client = try await server.client(retry: .none)
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let write = failure { () async throws(LodestoneError) in
            try await client.collection("c").drop(["a"])
        }
        let incomingWrite = try #require(await incomingCalls.next())
        async let read = failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["a"])
        }
        let incomingRead = try #require(await incomingCalls.next())
        for incoming in [incomingWrite, incomingRead] {
            // The id, then a receipt whose durability is none: field 2 of field 12 is 9.
            let id = UInt8(incoming.request.id)
            incoming.connection.stream.send {
                $0.append(contentsOf: [0, 0, 0, 6, 0x08, id, 0x62, 2, 0x10, 9])
            }
        }
        #expect(await write?.outcome == .unknown)
        #expect(await read?.outcome == .notApplied)
        #expect(try await client.ping() == 42)
        #expect(server.hellos.value.count == 1)
        await client.close()
        await server.end()
    }

    @Test("A closed client ends its connection and its calls in flight")
    func close() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        var endings = server.endings.makeAsyncIterator()
        async let pending = failure { () async throws(LodestoneError) in
            try await client.collection("c").drop(["a"])
        }
        _ = try #require(await incomingCalls.next())
        await client.close()
        #expect(await pending?.reason == .clientClosed)
        #expect(await pending?.outcome == .unknown)
        #expect(await endings.next() != nil)
        let late = await failure { () async throws(LodestoneError) in try await client.ping() }
        #expect(late?.reason == .clientClosed)
        await client.close()
        await server.end()
    }

    @Test("A released client ends its connection")
    func deinitialization() async throws {
        let server = try ScriptedServer()
        var endings = server.endings.makeAsyncIterator()
        do {
            let client = try await server.client()
            #expect(try await client.ping() == 42)
        }
        #expect(await endings.next() != nil)
        await server.end()
    }
}
