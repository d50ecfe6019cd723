// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneHTTP
import LodestoneMetrics
import LodestoneServer
import LodestoneWire
import TestSupport
import Testing

@Suite("Pages for machines", .timeLimit(.minutes(5)))
struct OperationsPagesTests {
    @Test("/metrics counts calls by kind, collection and result, and searches by their path")
    func counts() async throws {
        try await withWatchedServer { server in
            let client = try server.fill("c", count: 3_000, hnsw: true)
            let vector = [Float](repeating: 0.5, count: 8)
            let few = Filter.range(path: ["n"], lower: nil, upper: .init(.int(20)))
            let many = Filter.range(path: ["n"], lower: .init(.int(20)), upper: nil)
            let queries: [(Query, String)] = [
                (Query([.near(vector)]), "hnsw"),
                (Query([.near(vector, exact: true)]), "exact"),
                (Query([.near(vector)], filter: many), "filtered_walk"),
                (Query([.near(vector)], filter: few), "filtered_scan"),
                (Query([.matching("common")]), "text"),
                (Query([Source(.walk(Walk(from: ["1"])))]), "walk"),
                (Query([.near(vector), .matching("common")]), "hybrid"),
            ]
            for (query, path) in queries {
                let series = "lodestone_search_duration_seconds_count{path=\"\(path)\"}"
                let before = try server.value(of: series)
                try client.require(.search(SearchRequest(collection: "c", queries: [query])))
                #expect(try server.value(of: series) == before + 1, "\(path)")
            }
            let two = [queries[0].0, queries[4].0]
            try client.require(.search(SearchRequest(collection: "c", queries: two)))
            #expect(
                try client.call(.search(SearchRequest(collection: "none", queries: two))).error?
                    .code
                    == .notFound
            )
            for (series, value) in [
                (#"lodestone_search_duration_seconds_count{path="mixed"}"#, 1.0),
                (#"lodestone_filters_total{strategy="scanned"}"#, 2),
                (#"lodestone_requests_total{call="search",result="ok"}"#, 8),
                (#"lodestone_requests_total{call="search",result="error"}"#, 1),
                (#"lodestone_request_duration_seconds_count{call="search"}"#, 9),
                (#"lodestone_collection_requests_total{collection="c",result="ok"}"#, 12),
                (#"lodestone_collection_requests_total{collection="(others)",result="error"}"#, 1),
                (#"lodestone_errors_total{reason="NO_COLLECTION"}"#, 1),
                (#"lodestone_collection_documents{collection="c"}"#, 3_000),
                (#"lodestone_collection_index_coverage_ratio{collection="c"}"#, 1),
                ("lodestone_connections", 1), ("lodestone_requests_in_flight", 0),
                ("lodestone_ready", 1), ("lodestone_read_only", 0),
                ("lodestone_sequence_number", 4),
            ] {
                #expect(try server.value(of: series) == value, "\(series)")
            }
            #expect(try server.value(of: #"lodestone_store_bytes{part="segments"}"#) > 90_000)
            #expect(try server.value(of: #"lodestone_written_bytes_total{part="documents"}"#) > 0)
        }
    }

    @Test("The same filter is counted as cached when nothing was written since")
    func filterCache() async throws {
        try await withWatchedServer { server in
            let client = try server.fill("c", count: 100)
            let filter = Filter.equal(path: ["n"], .int(5))
            let query = Query([.matching("common")], filter: filter)
            for _ in 0..<3 {
                try client.require(.search(SearchRequest(collection: "c", queries: [query])))
            }
            #expect(try server.value(of: #"lodestone_filters_total{strategy="cached"}"#) == 2)
        }
    }

    @Test("Collections beyond the limit share one series, and a dropped one makes room")
    func manyCollections() async throws {
        try await withWatchedServer { server in
            let client = try server.connect()
            for number in 0..<102 {
                let name = "c\(number)"
                try client.require(.createCollection(name: name, CollectionOptions(dimension: 0)))
                try client.require(.count(CountRequest(collection: name)))
            }
            let others = #"lodestone_collection_requests_total{collection="(others)",result="ok"}"#
            // A creation counts for the others: the collection did not exist when it arrived.
            #expect(try server.value(of: others) == 102 + 2)
            try client.require(.dropCollection(name: "c0"))
            _ = try server.page("/metrics")
            let other = try server.connect()
            try other.require(.count(CountRequest(collection: "c101")))
            #expect(
                try server.value(
                    of: #"lodestone_collection_requests_total{collection="c101",result="ok"}"#
                ) == 1
            )
        }
    }

    @Test("/metrics has the format that the client prefers, and every format ends as it must")
    func formats() async throws {
        try await withWatchedServer { server in
            let prometheus =
                "application/openmetrics-text;version=1.0.0,"
                + "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5"
            for (accept, isOpen) in [
                (nil, false), ("*/*", false), ("text/plain", false), (prometheus, true),
                ("application/openmetrics-text", true),
                ("text/plain, application/openmetrics-text;q=0.1", false),
                ("application/openmetrics-text; q=0", false), (";;,q=,/", false),
            ] {
                let page = try server.page("/metrics", accept: accept)
                #expect(page.text.hasSuffix("# EOF\n") == isOpen, "\(accept ?? "")")
                let type = page.fields["content-type"] ?? ""
                #expect(type.hasPrefix(isOpen ? "application/openmetrics-text" : "text/plain"))
            }
        }
    }

    @Test("Other pages are not found, and other methods than GET and HEAD are not allowed")
    func statuses() async throws {
        try await withWatchedServer { server in
            #expect(try server.page("/").status == 404)
            #expect(try server.page("/metrics/").status == 404)
            let client = try HTTPClient(server.pagesEndpoint)
            let refused = try client.get("/metrics", method: "DELETE")
            #expect(refused.status == 405)
            #expect(refused.fields["allow"] == "GET, HEAD")
            #expect(try client.get("/livez").text == "ok\n")
            #expect(try client.get("/livez", method: "HEAD").status == 200)
        }
    }

    @Test("/readyz is 503 before the store is open, 200 while it serves, and 503 while it drains")
    func readiness() async throws {
        let pages = OperationsPages(MetricRegistry(), dataDirectory: "/")
        let listener = try HTTPListener(.tcp(host: "127.0.0.1", port: 0)) {
            pages.respond(to: $0, $1)
        }
        listener.start()
        let endpoint = listener.endpoint
        try await offPool {
            let early = try HTTPClient(endpoint).get("/readyz")
            #expect(early.status == 503)
            #expect(early.text == "not ready\nopen: The store is being opened.\n")
            #expect(try HTTPClient(endpoint).get("/livez").status == 200)
            #expect(try HTTPClient(endpoint).get("/metrics").text.contains("lodestone_ready 0.0"))
        }
        await withCheckedContinuation { done in listener.close { done.resume() } }

        let watched = try WatchedServer { _ in }
        let client = try await offPool {
            #expect(try watched.page("/readyz").status == 200)
            let json = try watched.page("/readyz", accept: "application/json")
            let object = try JSONSerialization.jsonObject(with: Data(json.body)) as? [String: Any]
            #expect(object?["ready"] as? Bool == true)
            #expect((object?["checks"] as? [Any])?.count == 4)
            let client = try watched.connect()
            let work = try HugeSearch(client)
            try client.send(work.call)
            #expect(try client.call(.ping).error == nil)
            return ClientBox(client)
        }
        let draining = Task { await watched.server.drain() }
        try await offPool {
            guard case .goAway? = try client.client.receive()?.reply else {
                Issue.record("no go away")
                return
            }
            let page = try watched.page("/readyz")
            #expect(page.status == 503)
            #expect(page.text.contains("accepting: The server is shutting down."))
            #expect(page.text.contains("writable: ok"))
        }
        client.client.finishSending()
        await draining.value
        try await watched.stop()
    }

    @Test("/readyz is 503 after a failed write or a kill, and 200 after a restart")
    func failedWrite() async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let arguments = [
                "--data", directory.path + "/store", "--listen", "127.0.0.1:0", "--http",
                "127.0.0.1:0",
            ]
            let program = try Program(arguments, maxFileBlocks: 4_096)
            let client = try RawClient(try program.endpoint())
            let pages = try program.pagesEndpoint()
            #expect(try HTTPClient(pages).get("/readyz").status == 200)
            try client.require(.createCollection(name: "c", CollectionOptions(dimension: 0)))
            var reason: LodestoneError.Reason?
            for batch in 0..<1_000 where reason != .readOnly {
                let documents = (0..<20).map { number in
                    Document(
                        id: DocumentID(trusted: "\(batch)-\(number)"),
                        text: String(repeating: "word\(batch) ", count: 300)
                    )
                }
                let write = IndexManyRequest(collection: "c", documents: documents)
                reason = try client.call(.indexMany(write)).error?.reason
            }
            #expect(reason == .readOnly)
            let page = try HTTPClient(pages).get("/readyz")
            #expect(page.status == 503)
            #expect(page.text.contains("writable: The store is read-only since a write failed"))
            #expect(page.text.contains("caught_up: ok"))
            #expect(try HTTPClient(pages).get("/livez").status == 200)
            #expect(try HTTPClient(pages).get("/metrics").text.contains("lodestone_read_only 1.0"))
            program.signal(SIGKILL)
            _ = program.status()
            #expect(throws: (any Error).self) { try HTTPClient(pages).get("/readyz") }

            let second = try Program(arguments)
            _ = try second.endpoint()
            #expect(try HTTPClient(second.pagesEndpoint()).get("/readyz").status == 200)
            second.signal(SIGTERM)
            #expect(second.status() == 0)
        }
    }

    @Test("Searches of an index are repeated exactly now and then, and missed hits are counted")
    func recall() async throws {
        try await withWatchedServer({ $0.recallSampling = .milliseconds(1) }) { server in
            let client = try server.fill("c", count: 5_000, hnsw: true)
            var random = SeededGenerator(seed: 3)
            let samples = #"lodestone_recall_samples_total{collection="c"}"#
            while try server.value(of: samples) < 10 {
                let vector = (0..<8).map { _ in Float.random(in: -1...1, using: &random) }
                try client.require(
                    .search(SearchRequest(collection: "c", queries: [Query([.near(vector)])]))
                )
            }
            let found = #"lodestone_recall_hits_total{collection="c",result="found"}"#
            let missed = #"lodestone_recall_hits_total{collection="c",result="missed"}"#
            let page = try server.page("/metrics").text
            #expect(page.contains(found) && page.contains(missed))
            #expect(try server.value(of: found) >= 50)
        }
    }

    @Test("800 HTTP requests that never end leave scrapes and calls as they were")
    func neverEnding() async throws {
        try await withWatchedServer { server in
            let client = try server.connect()
            var hostile: [HTTPClient] = []
            for number in 0..<800 {
                let one = try HTTPClient(server.pagesEndpoint)
                one.send("GET /metrics HTTP/1.1\r\nHost: a\r\n")
                hostile.append(one)
                if number % 50 == 49 {
                    #expect(try server.page("/metrics").status == 200)
                    #expect(try server.page("/readyz").status == 200)
                    try client.require(.ping)
                }
            }
            let evicted = #"lodestone_http_connections_closed_total{reason="evicted"}"#
            #expect(try server.value(of: evicted) > 700)
            #expect(try server.value(of: "lodestone_http_connections") <= 64)
        }
    }
}

/// A client that passes from one thread to the next.
// Unchecked: one thread at a time uses it.
private struct ClientBox: @unchecked Sendable {
    let client: RawClient

    init(_ client: RawClient) {
        self.client = client
    }
}
