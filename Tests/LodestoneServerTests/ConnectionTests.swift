// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneCredentials
import LodestoneServer
import LodestoneWire
import Testing

@Suite("Connection")
struct ConnectionTests {
    private static let credentials = try? Credentials(
        text: """
            read reader-0123456789abcdef
            write writer-0123456789abcdef
            admin admin-0123456789abcdef
            """,
        path: "tokens"
    )

    @Test("A connection replies to hello with the limits, and then to calls")
    func hello() async throws {
        try await withServer { server in
            let client = try server.connectSilently()
            guard case .hello(let hello) = try client.call(.hello(.test())) else {
                Issue.record("the reply to hello is not hello")
                return
            }
            #expect(hello.protocolVersion == LodestoneVersion.wireProtocol)
            #expect(hello.serverVersion == LodestoneVersion.release)
            #expect(hello.maxFrameBytes == Limits.standard.maxFrameBytes)
            #expect(hello.maxInFlight == Limits.standard.maxInFlight)
            #expect(try client.call(.ping) == .pong(sequenceNumber: 0))
            #expect(try client.call(.listCollections) == .collections([]))
        }
    }

    @Test("A connection refuses calls before hello and closes after the third")
    func helloFirst() async throws {
        try await withServer { server in
            let client = try server.connectSilently()
            for _ in 1...3 {
                #expect(try client.call(.ping).error?.code == .unauthenticated)
            }
            #expect(try client.receive() == nil)
            #expect(try server.connect().call(.ping).error == nil)
        }
    }

    @Test("A connection refuses missing, wrong and similar tokens alike and closes after the third")
    func wrongTokens() async throws {
        try await withServer {
            $0.credentials = Self.credentials
        } _: { server in
            let client = try server.connectSilently()
            let replies = try [nil, "wrong", "reader-0123456789abcdeg"].map {
                try client.call(.hello(.test(token: $0)))
            }
            #expect(replies[0].error?.code == .unauthenticated)
            #expect(replies[0] == replies[1] && replies[1] == replies[2])
            #expect(replies[0].error?.description.contains(LodestoneVersion.release) == false)
            #expect(try client.receive() == nil)
        }
    }

    @Test("A connection opens with a right token after a wrong one")
    func secondTry() async throws {
        try await withServer {
            $0.credentials = Self.credentials
        } _: { server in
            let client = try server.connectSilently()
            #expect(try client.call(.hello(.test(token: "wrong"))).error != nil)
            #expect(try client.call(.hello(.test(token: "reader-0123456789abcdef"))).error == nil)
            #expect(try client.call(.ping).error == nil)
        }
    }

    @Test(
        "A connection allows the calls of its token's role",
        arguments: [("reader", 0), ("writer", 1), ("admin", 2)]
    )
    func roles(name: String, rank: Int) async throws {
        try await withServer {
            $0.credentials = Self.credentials
        } _: { server in
            let client = try server.connect(token: "\(name)-0123456789abcdef")
            let calls: [(Call, Int)] = [
                (.ping, 0), (.stats, 0), (.dropMany(DropManyRequest(collection: "a")), 1),
                (.dropCollection(name: "a"), 2), (.compact(collection: "a"), 2),
            ]
            for (call, least) in calls {
                let isDenied = try client.call(call).error?.code == .permissionDenied
                #expect(isDenied == (rank < least), "\(CallKind(call))")
            }
        }
    }

    @Test("A connection refuses a second hello and stays open")
    func helloTwice() async throws {
        try await withServer { server in
            let client = try server.connect()
            #expect(try client.call(.hello(.test())).error?.reason == .helloTwice)
            #expect(try client.call(.ping).error == nil)
        }
    }

    @Test("A connection refuses an unknown protocol version and stays open")
    func version() async throws {
        try await withServer { server in
            let client = try server.connectSilently()
            let reply = try client.call(.hello(Hello(protocolVersion: 99, clientName: "test")))
            #expect(reply.error?.code == .unimplemented)
            #expect(try client.call(.hello(.test())).error == nil)
        }
    }

    @Test("A connection refuses a client that has seen later writes than the store holds")
    func behind() async throws {
        try await withServer { server in
            let client = try server.connectSilently()
            let reply = try client.call(.hello(.test(last: 1_000)))
            #expect(reply.error?.code == .dataLoss)
            #expect(reply.error?.reason == .serverBehind)
            #expect(try client.receive() == nil)
        }
    }

    @Test("A connection stays open after an unknown call")
    func unimplemented() async throws {
        try await withServer { server in
            let client = try server.connect()
            // Request { id: 7, field 99: {} }
            try client.send([0, 0, 0, 5, 0x08, 7, 0x9A, 0x06, 0])
            let unknown = try client.reply(to: 7)
            #expect(unknown.error?.code == .unimplemented)
            #expect(unknown.error?.reason == .unknownCall)
            #expect(try client.call(.ping).error == nil)
        }
    }

    @Test("A connection without hello is closed after the hello timeout")
    func helloTimeout() async throws {
        try await withServer {
            $0.limits.helloTimeout = .milliseconds(50)
        } _: { server in
            let client = try server.connectSilently()
            let error = try client.lastError()
            #expect(error?.code == .unauthenticated)
            #expect(error?.reason == .authTimeout)
        }
    }

    @Test(
        "A connection with a slow frame is closed after the frame timeout",
        arguments: [true, false]
    )
    func slowFrame(hello: Bool) async throws {
        try await withServer {
            $0.limits.frameTimeout = .milliseconds(50)
        } _: { server in
            let client = try hello ? server.connect() : server.connectSilently()
            try client.send([0, 0, 4, 0, 1, 2, 3])
            let error = try client.lastError()
            #expect(error?.code == .deadlineExceeded)
            #expect(error?.reason == .slowRead)
        }
    }

    @Test("An idle connection gets a go-away message and is closed")
    func idle() async throws {
        try await withServer {
            $0.limits.idleTimeout = .milliseconds(50)
        } _: { server in
            let client = try server.connect()
            guard case .goAway(let goAway)? = try client.receive()?.reply else {
                Issue.record("no go away")
                return
            }
            #expect(goAway.lastRequest == 0)
            #expect(try client.receive() == nil)
        }
    }

    @Test("A connection over the limit is refused with the reason until another ends")
    func tooMany() async throws {
        try await withServer {
            $0.limits.maxConnections = 1
        } _: { server in
            var first: RawClient? = try server.connect()
            #expect(try first?.call(.ping).error == nil)
            let second = try server.connectSilently()
            let error = try second.lastError()
            #expect(error?.code == .unavailable)
            #expect(error?.reason == .tooManyConnections)
            first = nil
            // The server needs some time to see the end of the connection.
            while (try? server.connect()) == nil {}
        }
    }

    @Test("The oldest connection without hello is closed for newer ones")
    func tooManyUnauthenticated() async throws {
        try await withServer {
            $0.limits.maxUnauthenticated = 2
            $0.limits.helloTimeout = .seconds(60)
        } _: { server in
            let served = [try server.connect(), try server.connect(), try server.connect()]
            let silent = try (0..<20).map { _ in try server.connectSilently() }
            for client in silent.prefix(10) { #expect((try? client.receive()) == nil) }
            for client in served { #expect(try client.call(.ping).error == nil) }
            // A client that does say hello is served.
            let late = try server.connect()
            #expect(try late.call(.ping).error == nil)
            _ = silent
        }
    }

    @Test("A connection that reads no replies is closed, and other connections are served")
    func unread() async throws {
        try await withServer {
            $0.limits.maxUnreadBytes = 64 << 10
            $0.limits.unreadTimeout = .milliseconds(200)
        } _: { server in
            let client = try server.connect()
            let other = try server.connect()
            let pings = try (1...10_000).flatMap { try Request(id: $0, call: .ping).frame() }
            #expect(throws: RawClientError.self) {
                for _ in 1...10_000 { try client.send(pings) }
            }
            #expect(try other.call(.ping).error == nil)
        }
    }
}
