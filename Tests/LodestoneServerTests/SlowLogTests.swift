// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneCredentials
import LodestoneServer
import LodestoneWire
import Logging
import TestSupport
import Testing
import lodestoned

@Suite("Slow requests")
struct SlowLogTests {
    private static let trace = TraceParent(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    )

    @Test("A slow search is kept with its query, path, steps, client and trace")
    func content() async throws {
        try await withServer({ $0.slowRequest = .nanoseconds(1) }) { server in
            let client = try server.connect()
            try Self.fill(client)
            let filter = Filter.and([
                .equal(path: ["a", "b"], .string("x\ny")), .not(.exists(path: ["n"], true)),
            ])
            let query = Query([.near([1, 0]), .matching("common")], filter: filter, limit: 3)
            let search = Call.search(SearchRequest(collection: "c", queries: [query]))
            try client.send(Request(id: 77, trace: Self.trace, call: search).frame())
            #expect(try client.reply(to: 77).error == nil)
            let report = try Self.report(client)
            let first = try #require(report.latest.first { $0.call == "search" })
            #expect(first.collection == "c")
            #expect(
                first.query == #"near(2) + words("common") where (a.b = "x y" and not n exists) "#
                    + "limit 3"
            )
            #expect(first.path == "hybrid")
            #expect(first.client == "test")
            #expect(first.request == 77)
            #expect(first.trace == Self.trace)
            #expect(first.error == nil)
            let steps = first.steps.filter { $0.unit == "s" }
            #expect(steps.map(\.name) == ["filter", "vectors", "texts", "fusion", "documents"])
            let seconds = steps.reduce(0) { $0 + $1.value }
            #expect(seconds > 0 && seconds <= first.duration / .seconds(1))
            #expect(abs(Double(first.beganAt) / 1e6 - Date().timeIntervalSince1970) < 60)
            #expect(report.slowest.contains(first))
        }
    }

    @Test("The lists are bounded: the latest come first in one, and the slowest in the other")
    func bounds() async throws {
        try await withServer({ $0.slowRequest = .nanoseconds(1) }) { server in
            let client = try server.connect()
            try Self.fill(client)
            for number in 0..<300 {
                let filter = Filter.equal(path: ["n"], .int(Int64(number)))
                let count = CountRequest(collection: "c", filter: filter)
                #expect(try client.call(.count(count)).error == nil)
            }
            let report = try Self.report(client)
            #expect(report.latest.count == 128)
            #expect(report.latest.first?.query == "count where n = 299")
            #expect(report.latest.last?.query == "count where n = 172")
            #expect(report.slowest.count == 128)
            let times = report.slowest.map(\.duration)
            #expect(times == times.sorted(by: >))
            #expect(try Self.report(client, limit: 5).latest.count == 5)
        }
    }

    @Test("A request below the limit is not among the latest slow ones, but may be a slowest one")
    func threshold() async throws {
        try await withServer({ $0.slowRequest = .seconds(60) }) { server in
            let client = try server.connect()
            try Self.fill(client)
            let report = try Self.report(client)
            #expect(report.latest.isEmpty)
            #expect(report.slowest.map(\.call).sorted() == ["createCollection", "indexMany"])
        }
    }

    @Test("Reads that differ only in constants have one shape, with their number and times")
    func shapes() async throws {
        try await withServer { server in
            let client = try server.connect()
            try Self.fill(client)
            for number in 0..<50 {
                let range = Filter.range(path: ["n"], lower: .init(.int(Int64(number))), upper: nil)
                let query = Query([.near([1, Float(number)])], filter: range, limit: number + 1)
                let search = SearchRequest(collection: "c", queries: [query])
                #expect(try client.call(.search(search)).error == nil)
            }
            for fields in [["a"], ["b"], ["a", "b"]] {
                let filter = Filter.exists(path: fields, true)
                let count = CountRequest(collection: "c", filter: filter)
                #expect(try client.call(.count(count)).error == nil)
            }
            _ = try client.call(.count(CountRequest(collection: "none")))
            let shapes = try Self.report(client).shapes
            let search = try #require(shapes.first { $0.shape.hasPrefix("search") })
            #expect(search.shape == "search near(?) where ? <= n limit ?")
            #expect(search.count == 50 && search.errorCount == 0)
            #expect(search.longest >= search.p99 && search.p99 >= search.mean / 2)
            #expect(search.total >= search.longest)
            #expect(
                shapes.map(\.shape).filter { $0.hasPrefix("count") }.sorted() == [
                    "count count", "count count where a exists", "count count where a.b exists",
                    "count count where b exists",
                ]
            )
            #expect(shapes.first { $0.collection == "none" }?.errorCount == 1)
            let totals = shapes.map(\.total)
            #expect(totals == totals.sorted(by: >))
        }
    }

    @Test("A query of any length is kept as a short text")
    func longQueries() async throws {
        try await withServer({ $0.slowRequest = .nanoseconds(1) }) { server in
            let client = try server.connect()
            try Self.fill(client)
            let filters = (0..<1_000).map { number in
                Filter.equal(path: ["field\(number)"], .string(String(repeating: "é", count: 500)))
            }
            let count = CountRequest(collection: "c", filter: .or(filters))
            #expect(try client.call(.count(count)).error == nil)
            let report = try Self.report(client)
            let query = try #require(report.latest.first { $0.call == "count" }).query
            #expect(query.utf8.count <= 1_100 && query.hasSuffix("…"))
            #expect(report.shapes.allSatisfy { $0.shape.utf8.count <= 1_200 })
        }
    }

    @Test("Only an admin sees the requests of others")
    func role() async throws {
        let directory = try TemporaryDirectory()
        let tokens = try directory.write("tokens", "read aaaaaaaaaaaaaaaa\nadmin bbbbbbbbbbbbbbbb")
        let table = try Credentials(file: tokens)
        try await withServer({ $0.credentials = table }) { server in
            let reader = try server.connect(token: "aaaaaaaaaaaaaaaa")
            let refused = try reader.call(.slowRequests(limit: 1)).error
            #expect(refused?.code == .permissionDenied)
            _ = try Self.report(try server.connect(token: "bbbbbbbbbbbbbbbb"))
        }
    }

    @Test(
        "Only text in the form of a traceparent names a trace",
        arguments: [
            "", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ]
    )
    func traces(text: String) {
        #expect(TraceParent(text) == nil)
        #expect(Self.trace?.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
    }

    @Test("A line of the JSON log is one object, whatever the message and the metadata have")
    func jsonLog() throws {
        let lines = Lines()
        var logger = Logger(label: "test") { label in
            JSONLogHandler(label: label, level: .info) { lines.add($0) }
        }
        logger[metadataKey: "a"] = "1"
        logger.info("a \"message\"\nwith \u{1}", metadata: ["b": "{\"c\": \\}", "a": "2"])
        logger.debug("hidden")
        let text = lines.text
        #expect(text.hasSuffix("\n") && text.dropLast().contains("\n") == false)
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String]
        #expect(object?["message"] == "a \"message\"\nwith \u{1}")
        #expect(object?["a"] == "2" && object?["b"] == "{\"c\": \\}")
        #expect(object?["level"] == "info" && object?["label"] == "test")
        #expect(object?["time"]?.hasSuffix("Z") == true)
    }

    private static func fill(_ client: RawClient) throws {
        try client.require(.createCollection(name: "c", CollectionOptions(dimension: 2)))
        let documents = (0..<100).map { number in
            Document(
                id: DocumentID(trusted: "\(number)"),
                vector: [1, Float(number)],
                text: "common",
                metadata: ["n": .int(Int64(number))]
            )
        }
        try client.require(.indexMany(IndexManyRequest(collection: "c", documents: documents)))
    }

    private static func report(_ client: RawClient, limit: Int = 128) throws -> SlowRequests {
        guard case .slowRequests(let report) = try client.require(.slowRequests(limit: limit))
        else { throw RawClientError("no report") }
        return report
    }
}

/// The lines of a log.
// Unchecked: a lock guards the data.
private final class Lines: @unchecked Sendable {
    private let lock = NSLock()
    private var data = Data()

    func add(_ line: Data) { lock.withLock { data += line } }

    var text: String { String(decoding: lock.withLock { data }, as: UTF8.self) }
}
