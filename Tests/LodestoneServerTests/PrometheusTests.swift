// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneWire
import TestSupport
import Testing

/// The files of `deploy/`, and Prometheus itself, against a server under load.
@Suite(
    "Prometheus",
    .enabled(if: Prometheus.isInstalled, "The package prometheus is missing."),
    .timeLimit(.minutes(5))
)
struct PrometheusTests {
    @Test("promtool finds nothing wrong with the metrics of a server under load")
    func promtool() async throws {
        try await withWatchedServer({ $0.recallSampling = .milliseconds(1) }) { server in
            try Prometheus.load(server)
            let page = try server.page("/metrics")
            let result = try Prometheus.run("promtool", ["check", "metrics"], input: page.body)
            #expect(result.status == 0 && result.output.isEmpty, "\(result.output)")
        }
    }

    @Test("promtool accepts the rules and the configuration of deploy/")
    func files() throws {
        let rules = Prometheus.deploy("prometheus/lodestone.rules.yml")
        let checks = [
            ["rules", rules], ["config", Prometheus.deploy("prometheus/prometheus.yml")],
        ]
        for check in checks {
            let result = try Prometheus.run("promtool", ["check"] + check)
            #expect(result.status == 0, "\(result.output)")
        }
    }

    @Test("Rules and dashboard name only metrics that a server has")
    func names() async throws {
        try await withWatchedServer({ $0.recallSampling = .milliseconds(1) }) { server in
            try Prometheus.load(server)
            let page = try server.page("/metrics").text
            var known = Set(
                page.split(separator: "\n").filter { !$0.hasPrefix("#") }
                    .map { String($0.prefix { $0 != " " && $0 != "{" }) }
            )
            let rules = try String(
                contentsOfFile: Prometheus.deploy("prometheus/lodestone.rules.yml"),
                encoding: .utf8
            )
            known.formUnion(
                rules.split(separator: "\n").compactMap { line in
                    line.split(separator: "record: ").last.map(String.init)
                }
            )
            let dashboard = try Data(
                contentsOf: URL(fileURLWithPath: Prometheus.deploy("grafana/lodestone.json"))
            )
            let object = try JSONSerialization.jsonObject(with: dashboard) as? [String: Any]
            let panels = object?["panels"] as? [[String: Any]] ?? []
            let queries = panels.flatMap { panel in
                (panel["targets"] as? [[String: Any]] ?? []).compactMap { $0["expr"] as? String }
            }
            #expect(queries.count > 30)
            let name = try Regex("(?:lodestone|process)[_:][a-zA-Z0-9_:]+")
            for text in queries + [rules] {
                for match in text.matches(of: name) {
                    let used = String(text[match.range])
                    #expect(known.contains(used), "\(used)")
                }
            }
        }
    }

    @Test("Prometheus scrapes a server under load, and its recording rules have values")
    func scrape() async throws {
        try await withWatchedServer({ $0.recallSampling = .milliseconds(1) }) { server in
            let directory = try TemporaryDirectory()
            let prometheus = try Prometheus(scraping: server.pagesEndpoint, in: directory)
            defer { prometheus.stop() }
            let client = try server.fill("c", count: 2_000, hnsw: true)
            var random = SeededGenerator(seed: 9)
            let wanted = [
                #"up{job="lodestone"} == 1"#, #"lodestone:requests:rate5m{call="search"} > 0"#,
                #"lodestone:request_duration_seconds:p99_5m{call="search"} > 0"#,
                #"lodestone:search_duration_seconds:p99_5m{path="hnsw"} > 0"#,
                "lodestone:request_errors:ratio5m >= 0", "lodestone:disk_free:ratio > 0",
                "lodestone:recall:ratio1h > 0.5", "lodestone:filter_cache_hits:ratio5m > 0",
                "lodestone:overloaded:rate5m >= 0 or absent(lodestone:overloaded:rate5m)",
                #"scrape_samples_scraped{job="lodestone"} > 500"#,
            ]
            var missing = wanted
            let end = ContinuousClock.now.advanced(by: .seconds(60))
            while !missing.isEmpty, ContinuousClock.now < end {
                for _ in 0..<50 {
                    let vector = (0..<8).map { _ in Float.random(in: -1...1, using: &random) }
                    let query = Query([.near(vector)], filter: .exists(path: ["n"], true))
                    for query in [query, Query([.near(vector)])] {
                        try client.require(
                            .search(SearchRequest(collection: "c", queries: [query]))
                        )
                    }
                }
                missing = missing.filter { prometheus.count(of: $0) == 0 }
            }
            #expect(missing.isEmpty)
        }
    }
}

/// A running Prometheus, and the programs that come with it.
// Unchecked: one thread uses it.
private final class Prometheus: @unchecked Sendable {
    static let isInstalled =
        FileManager.default.isExecutableFile(atPath: "/usr/bin/prometheus")
        && FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool")

    private let process = Process()
    private let port: Int

    /// Starts Prometheus with the rules of `deploy/`, evaluated each second.
    init(scraping target: Endpoint, in directory: TemporaryDirectory) throws {
        port = Int.random(in: 20_000..<30_000)
        let configuration = """
            global: {scrape_interval: 1s, evaluation_interval: 1s}
            rule_files: ["\(Self.deploy("prometheus/lodestone.rules.yml"))"]
            scrape_configs:
              - job_name: lodestone
                static_configs: [{targets: ["\(target)"]}]
            """
        let file = try directory.write("prometheus.yml", configuration)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/prometheus")
        process.arguments = [
            "--config.file=\(file)", "--storage.tsdb.path=\(directory.path)/data",
            "--web.listen-address=127.0.0.1:\(port)", "--log.level=error",
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    /// The number of series that a query finds; 0 while Prometheus does not answer.
    func count(of query: String) -> Int {
        let allowed = CharacterSet.alphanumerics
        let text = query.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
        let url = "http://127.0.0.1:\(port)/api/v1/query?query=\(text)"
        guard let result = try? Self.run("curl", ["-s", url]),
            let object = try? JSONSerialization.jsonObject(with: Data(result.output.utf8)),
            let data = (object as? [String: Any])?["data"] as? [String: Any]
        else { return 0 }
        return (data["result"] as? [Any])?.count ?? 0
    }

    static func deploy(_ path: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("deploy/\(path)").path
    }

    /// Makes calls of many kinds, so that each family of metrics has a series.
    static func load(_ server: WatchedServer) throws {
        let client = try server.fill("c", count: 2_000, hnsw: true)
        let vector = [Float](repeating: 0.5, count: 8)
        try client.require(.count(CountRequest(collection: "c")))
        try client.require(.get(GetRequest(collection: "c", ids: ["1"])))
        #expect(try client.call(.count(CountRequest(collection: "none"))).error != nil)
        let filter = Filter.exists(path: ["n"], true)
        let samples = #"lodestone_recall_samples_total{collection="c"}"#
        while try server.value(of: samples) == 0 {
            for query in [Query([.near(vector)]), Query([.near(vector)], filter: filter)] {
                try client.require(.search(SearchRequest(collection: "c", queries: [query])))
            }
        }
    }

    /// Runs a program to its end.
    static func run(_ program: String, _ arguments: [String], input: [UInt8] = []) throws
        -> (status: Int32, output: String)
    {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/\(program)")
        process.arguments = arguments
        let (source, sink) = (Pipe(), Pipe())
        process.standardInput = source
        process.standardOutput = sink
        process.standardError = sink
        try process.run()
        // Both pipes hold less than a page of metrics, so the input is written meanwhile.
        let data = Data(input)
        let writer = Thread {
            try? source.fileHandleForWriting.write(contentsOf: data)
            try? source.fileHandleForWriting.close()
        }
        writer.start()
        let output = try sink.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
