// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Testing

@Suite("Endpoint")
struct EndpointTests {
    @Test(
        "An endpoint is parsed from its usual texts",
        arguments: [
            ("127.0.0.1:80", Endpoint.tcp(host: "127.0.0.1", port: 80)),
            ("localhost:5633", .tcp(host: "localhost", port: 5633)),
            ("search.example", .tcp(host: "search.example", port: Endpoint.defaultPort)),
            ("[::1]:0", .tcp(host: "::1", port: 0)),
            ("[fe80::1%eth0]", .tcp(host: "fe80::1%eth0", port: Endpoint.defaultPort)),
            ("unix:/run/lodestone.sock", .unix(path: "/run/lodestone.sock")),
        ]
    )
    func reading(text: String, endpoint: Endpoint) throws {
        #expect(try Endpoint(text) == endpoint)
        #expect(try Endpoint(endpoint.description) == endpoint)
    }

    @Test(
        "An invalid endpoint is refused by name",
        arguments: [
            "", ":80", "host:", "host:port", "host:65536", "host:-1", "host:+80", "host:8 0",
            "::1", "1:2:3", "[::1", "[::1]80", "[]:80", "unix:", "unix:/a\0b", "a b:80", "a\0:80",
            "http://host:80", "host:٣",
        ]
    )
    func refusal(text: String) {
        let error = #expect(throws: LodestoneError.self) { try Endpoint(text) }
        #expect(error?.reason == .badEndpoint)
        #expect(error?.message.contains("'\(text)'") == true)
    }

    @Test("The path of a Unix socket is limited to the system's length")
    func longPath() throws {
        _ = try Endpoint("unix:" + String(repeating: "p", count: 103))
        let error = #expect(throws: LodestoneError.self) {
            try Endpoint("unix:" + String(repeating: "p", count: 104))
        }
        #expect(error?.reason == .limit)
    }

    @Test(
        "A loopback address is recognized",
        arguments: [
            "localhost", "127.0.0.1", "127.255.0.9", "[::1]", "unix:/s",
        ]
    )
    func loopback(text: String) throws {
        #expect(try Endpoint(text).isLoopback)
    }

    @Test(
        "An address that only resembles a loopback address is treated as public",
        arguments: [
            "0.0.0.0", "[::]", "10.0.0.1", "127.0.0.1.example.com", "127.1", "127.0.0.256",
            "localhost.example.com",
        ]
    )
    func notLoopback(text: String) throws {
        #expect(try !Endpoint(text).isLoopback)
    }
}
