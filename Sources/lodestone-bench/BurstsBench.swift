// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneCore
import LodestoneEngine
import Synchronization

/// Measures bursts of changes to a large collection: the written bytes, and the searches
/// afterwards.
///
/// The searches are compared with searches in a new store of the same documents.
struct BurstsBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bursts",
        abstract: "Writes bursts of changes with pauses, and counts the bytes that reach the disk.",
        discussion: """
            A part of each burst replaces random old documents, the others are new. The \
            engine runs in this process; the system counts its bytes. Documents beyond those of \
            the folder are the same with other vectors.
            """
    )

    @Flag(help: "One JSON object a line instead of a table.")
    var json = false

    @OptionGroup var options: DataOptions

    @Option(help: "Where the stores are made.")
    var directory = FileManager.default.temporaryDirectory.path + "/lodestone-bursts"

    @Option(help: "Documents that there are before the first burst.")
    var documents = 117_659

    @Option(help: "Bursts.")
    var bursts = 100

    @Option(help: "Changes of a burst.")
    var changes = 1_000

    @Option(help: "Percent of a burst that replace old documents.")
    var replaced = 50

    @Option(help: "Milliseconds without a write after which the engine is idle.")
    var idleMs = 100

    @Option(name: .customLong("queries"), help: "Queries that measure recall and times.")
    var queryCount = 500

    private static let collection = "bench"
    private static let k = 10

    func run() async throws {
        let stock = try BurstStock(options.data)
        let queries = try options.data.queries(queryCount).vectors
        let engine = try await filled(directory + "/bursts", (0..<documents).map { ($0, 0) }, stock)
        let isDone = Atomic(false)
        async let during = latenciesMeanwhile(engine, queries) {
            isDone.load(ordering: .acquiring)
        }
        let start = WrittenBytes.now
        let firstBases = try writtenBases(engine)
        var written = 0
        var versions = [Int](repeating: 0, count: documents)
        var random = SplitMix64(state: 11)
        for burst in 1...bursts {
            var batch: [Document] = []
            var others: Set<Int> = []
            while others.count < changes * replaced / 100 {
                others.insert(Int(random.next() % UInt64(versions.count)))
            }
            for number in others.sorted() {
                versions[number] = burst
                batch.append(try stock.document(number, version: burst))
            }
            for number in versions.count..<versions.count + changes - batch.count {
                versions.append(0)
                batch.append(try stock.document(number, version: 0))
            }
            written += batch.reduce(0) { $0 + BurstStock.byteCount(of: $1) }
            _ = try await engine.indexMany(
                IndexManyRequest(collection: Self.collection, documents: batch)
            )
            try await waitUntilIdle(engine)
        }
        let bytes = WrittenBytes.now - start
        let bases = try writtenBases(engine) - firstBases
        isDone.store(true, ordering: .releasing)
        let meanwhile = try await during
        let fresh = try await filled(
            directory + "/fresh",
            versions.enumerated().map { ($0.offset, $0.element) },
            stock
        )
        var times: [[Double]] = [[], []]
        var recalls = [0.0, 0.0]
        for _ in 0..<3 {
            for (index, one) in [engine, fresh].enumerated() {
                times[index] += try await latencies(one, queries)
            }
        }
        for (index, one) in [engine, fresh].enumerated() {
            recalls[index] = try await recall(one, queries)
        }
        let description = try engine.describe(Self.collection)
        engine.close()
        fresh.close()
        try FileManager.default.removeItem(atPath: directory)
        Report(isJSON: json).add(
            Measurement(
                name: "bursts",
                value: Double(bytes) / Double(written),
                unit: "bytes written / of documents",
                parameters: [
                    ("documents", .count(documents)), ("bursts", .count(bursts)),
                    ("changes", .count(changes)), ("replaced", .count(replaced)),
                    ("bases_mb", .count(bases >> 20)), ("written_mb", .count(bytes >> 20)),
                    ("documents_mb", .count(written >> 20)),
                    ("base_mb", .count(Int(description.baseByteCount >> 20))),
                    ("scanned_vectors", .count(description.index.scannedVectors)),
                    ("recall", .number(recalls[0])), ("fresh_recall", .number(recalls[1])),
                    ("p50_ms", .number(1e3 * times[0].quantile(0.5))),
                    ("fresh_p50_ms", .number(1e3 * times[1].quantile(0.5))),
                    ("p99_ms", .number(1e3 * times[0].quantile(0.99))),
                    ("fresh_p99_ms", .number(1e3 * times[1].quantile(0.99))),
                    ("meanwhile_p50_ms", .number(1e3 * meanwhile.quantile(0.5))),
                    ("meanwhile_p99_ms", .number(1e3 * meanwhile.quantile(0.99))),
                    ("peak_mb", .count(peakMemoryByteCount() >> 20)),
                ]
            )
        )
    }

    /// Creates a store with some versions of documents, in a base with its graph.
    private func filled(
        _ directory: String,
        _ versions: [(number: Int, version: Int)],
        _ stock: BurstStock
    ) async throws -> Engine {
        var options = Engine.Options()
        options.compaction.idleTime = .milliseconds(idleMs)
        let engine = try Engine.open(directory: directory, options: options)
        try await engine.createCollection(
            Self.collection,
            CollectionOptions(dimension: self.options.dimension, vectorStrategy: .hnswBatch)
        )
        for start in stride(from: 0, to: versions.count, by: 1_000) {
            let some = versions[start..<min(start + 1_000, versions.count)]
            let documents = try some.map { try stock.document($0.number, version: $0.version) }
            _ = try await engine.indexMany(
                IndexManyRequest(collection: Self.collection, documents: documents)
            )
        }
        // A running build counts as built, even if changes came since it began.
        repeat {
            _ = try await engine.compact(Self.collection)
        } while try engine.describe(Self.collection).index.scannedVectors > 0
        return engine
    }

    private func writtenBases(_ engine: Engine) throws -> Int {
        let found = try engine.stats().statistics.first { $0.name == "store.written.bases" }
        return Int(found?.value ?? 0)
    }

    /// Waits until the engine has finished its background work.
    private func waitUntilIdle(_ engine: Engine) async throws {
        let vectorBytes = options.dimension * MemoryLayout<Float>.stride
        try await Task.sleep(for: .milliseconds(2 * idleMs))
        while true {
            let index = try engine.describe(Self.collection).index
            if index.state != .building, index.scannedVectors * vectorBytes < 8 << 20 { return }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// The seconds of each query, one after the other.
    private func latencies(_ engine: Engine, _ queries: [[Float]]) async throws -> [Double] {
        var latencies: [Double] = []
        for query in queries { latencies.append(try await latency(engine, query)) }
        return latencies
    }

    /// The seconds of each query, with pauses, until `isDone` returns true.
    private func latenciesMeanwhile(
        _ engine: Engine,
        _ queries: [[Float]],
        _ isDone: () -> Bool
    ) async throws -> [Double] {
        var latencies: [Double] = []
        while !isDone() {
            let query = queries[latencies.count % queries.count]
            latencies.append(try await latency(engine, query))
            try await Task.sleep(for: .milliseconds(5))
        }
        return latencies
    }

    private func latency(_ engine: Engine, _ query: [Float]) async throws -> Double {
        let request = SearchRequest(
            collection: Self.collection,
            queries: [Query([.near(query)], limit: Self.k)]
        )
        let clock = ContinuousClock()
        let start = clock.now
        _ = try await engine.search(request)
        return (clock.now - start).seconds
    }

    /// The recall of searches: the share of the nearest documents that they find.
    private func recall(_ engine: Engine, _ queries: [[Float]]) async throws -> Double {
        var found = 0
        for query in queries {
            let request = SearchRequest(
                collection: Self.collection,
                queries: [true, false].map {
                    Query([.near(query, exact: $0)], limit: Self.k)
                }
            )
            let results = try await engine.search(request).results
            let bound = (results[0].hits.last?.score ?? 0) - 1e-6
            found += results[1].hits.count { $0.score >= bound }
        }
        return Double(found) / Double(queries.count * Self.k)
    }
}

/// Documents by number and version.
private struct BurstStock {
    private let originals: [Document]

    init(_ data: BenchData) throws {
        originals = Array(
            try data.batches(of: 10_000, count: nil, randomIDs: false, withEdges: true).joined()
        )
    }

    func document(_ number: Int, version: Int) throws -> Document {
        let (copy, index) = number.quotientAndRemainder(dividingBy: originals.count)
        var document = originals[index]
        if copy == 0, version == 0 { return document }
        let other = originals[(index + 7_919 * (copy + 31 * version)) % originals.count]
        if let own = document.vector, let others = other.vector {
            document.vector = zip(own, others).map { 0.8 * $0 + 0.6 * $1 }
        }
        if copy > 0 {
            document.id = try DocumentID("\(document.id.string)~\(copy)")
            document.edges = try document.edges.map { edge in
                var edge = edge
                edge.target = try DocumentID("\(edge.target.string)~\(copy)")
                return edge
            }
        }
        return document
    }

    /// Bytes of a document's content.
    static func byteCount(of document: Document) -> Int {
        document.id.string.utf8.count + (document.vector?.count ?? 0) * 4
            + document.text.reduce(0) { $0 + $1.text.utf8.count }
            + document.metadata.reduce(0) { $0 + $1.key.utf8.count + "\($1.value)".utf8.count }
            + document.edges.reduce(0) {
                $0 + $1.label.utf8.count + $1.target.string.utf8.count + 4
            }
    }
}

/// Bytes that this process has written to disks.
private enum WrittenBytes {
    static var now: Int {
        let counts = (try? String(contentsOfFile: "/proc/self/io", encoding: .utf8)) ?? ""
        let line = counts.split(separator: "\n").first { $0.hasPrefix("write_bytes:") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }
}
