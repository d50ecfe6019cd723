// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import LodestoneHTTP
import LodestoneMetrics
import LodestoneSystem

/// The figures that are read when a scraper requests them.
enum ServerFigures {
    // MARK: The process

    static func process(dataDirectory: String, isReady: Bool) -> [MetricFamily] {
        let labels = [
            MetricFamily.Label("version", LodestoneVersion.release),
            MetricFamily.Label("wire_protocol", "\(LodestoneVersion.wireProtocol)"),
        ]
        let build = MetricFamily(
            "lodestone_build",
            .info,
            "The release.",
            [MetricFamily.Series(labels, .count(1))]
        )
        let ready = MetricFamily.gauge(
            "lodestone_ready",
            "1 if the server is ready for requests, as /readyz says.",
            isReady ? 1 : 0
        )
        return [build, ready] + disk(dataDirectory)
    }

    private static func disk(_ directory: String) -> [MetricFamily] {
        var state = statvfs()
        guard statvfs(directory, &state) == 0 else { return [] }
        let unit = Double(state.f_frsize)
        return [
            .gauge(
                "lodestone_disk_free_bytes",
                "Free bytes of the file system with the store.",
                Double(state.f_bavail) * unit
            ),
            .gauge(
                "lodestone_disk_size_bytes",
                "All bytes of the file system with the store.",
                Double(state.f_blocks) * unit
            ),
        ]
    }

    static func http(_ counts: borrowing HTTPListener.Counts) -> [MetricFamily] {
        let closed = [
            ("evicted", counts.evicted.load(ordering: .relaxed)),
            ("timeout", counts.timedOut.load(ordering: .relaxed)),
        ].map { reason, count in
            MetricFamily.Series([MetricFamily.Label("reason", reason)], .count(count))
        }
        return [
            .gauge(
                "lodestone_http_connections",
                "Open HTTP connections.",
                Double(counts.open.load(ordering: .relaxed))
            ),
            .counter(
                "lodestone_http_connections_accepted",
                "HTTP connections accepted.",
                counts.accepted.load(ordering: .relaxed)
            ),
            MetricFamily(
                "lodestone_http_connections_closed",
                .counter,
                "HTTP connections closed to make room for others, or for taking too long.",
                closed
            ),
            .counter(
                "lodestone_http_requests_served",
                "HTTP requests that were served.",
                counts.served.load(ordering: .relaxed)
            ),
            .counter(
                "lodestone_http_requests_refused",
                "HTTP requests that were malformed or over a limit.",
                counts.refused.load(ordering: .relaxed)
            ),
        ]
    }

    // MARK: The server

    static func server(_ handler: RequestHandler) -> [MetricFamily] {
        let counts = handler.connectionLimiter.counts
        let parts = handler.memory.parts
        return [
            .gauge("lodestone_connections", "Open connections.", Double(counts.connections)),
            .gauge(
                "lodestone_connections_unauthenticated",
                "Open connections that have not said hello.",
                Double(counts.unauthenticated)
            ),
            .gauge("lodestone_requests_in_flight", "Requests in flight.", Double(counts.calls)),
            .gauge(
                "lodestone_reads_waiting",
                "Reads that wait for a worker.",
                Double(handler.reads.waitingCount)
            ),
            .gauge(
                "lodestone_reads_running",
                "Reads that run on workers.",
                Double(handler.reads.runningCount)
            ),
            .gauge(
                "lodestone_frames_waiting",
                "Long frames that wait for memory.",
                Double(handler.frames.waitingCount)
            ),
            .gauges(
                "lodestone_server_memory_bytes",
                "Memory of connections and calls; requests is the decode budget.",
                by: "part",
                parts.map { ($0.name, Double($0.budget.usedByteCount)) }
            ),
            .gauges(
                "lodestone_server_memory_limit_bytes",
                "The most memory of each part.",
                by: "part",
                parts.map { ($0.name, Double($0.budget.limit)) }
            ),
        ]
    }

    // MARK: The store

    static func engine(_ figures: EngineFigures) -> [MetricFamily] {
        let lag =
            figures.sharedSequenceNumber
            - min(
                figures.sequenceNumber,
                figures.sharedSequenceNumber
            )
        return [
            .gauge(
                "lodestone_sequence_number",
                "The last batch that searches read: the position in the log.",
                Double(figures.sequenceNumber)
            ),
            .gauge(
                "lodestone_batches_behind",
                "Batches of other processes that searches don't read yet.",
                Double(lag)
            ),
            .gauge(
                "lodestone_read_only",
                "1 if the store refuses writes since one failed.",
                figures.refusesWrites ? 1 : 0
            ),
            .gauge(
                "lodestone_compaction_failed",
                "1 if the last compaction failed.",
                figures.hasFailedCompaction ? 1 : 0
            ),
            .gauge(
                "lodestone_compactions_pending",
                "Compactions and builds that are queued or running.",
                Double(figures.pendingCompactions)
            ),
            .gauge(
                "lodestone_collections",
                "Collections, open and closed.",
                Double(figures.collectionCount)
            ),
        ] + statistics(figures.statistics) + collections(figures.collections)
    }

    /// The families of the figures of `stats`: the part of a name after the prefix is a label.
    private static let parts: [(prefix: String, name: String, help: String)] = [
        ("store.bytes.", "lodestone_store_bytes", "Bytes of the store's files."),
        (
            "store.written.", "lodestone_written_bytes",
            "Bytes of documents and of bases that were written."
        ),
        ("engine.memory.", "lodestone_engine_memory_bytes", "Memory of the collections."),
    ]

    private static func statistics(_ statistics: [Statistic]) -> [MetricFamily] {
        var families: [MetricFamily] = []
        for (prefix, name, help) in parts {
            let series = statistics.filter { $0.name.hasPrefix(prefix) }.map { statistic in
                let label = String(statistic.name.dropFirst(prefix.count))
                return MetricFamily.Series(
                    [MetricFamily.Label("part", label)],
                    .number(statistic.value)
                )
            }
            // The bytes that were written only grow.
            let kind: MetricFamily.Kind = prefix == "store.written." ? .counter : .gauge
            families.append(MetricFamily(name, kind, help, series))
        }
        if let rows = statistics.first(where: { $0.name == "store.log.rows" }) {
            families.append(
                .gauge("lodestone_log_rows", "Batches in the log since the bases.", rows.value)
            )
        }
        return families
    }

    // MARK: The collections

    /// The gauges of a collection.
    private static let perCollection:
        [(
            name: String, help: String,
            value: @Sendable (EngineFigures.Collection) -> Double?
        )] = [
            (
                "lodestone_collection_documents", "Documents.",
                { Double($0.description.documents) }
            ),
            (
                "lodestone_collection_vectors", "Documents with a vector.",
                { Double($0.description.vectors) }
            ),
            ("lodestone_collection_edges", "Edges.", { Double($0.description.edges) }),
            (
                "lodestone_collection_changes", "Changes since the base: the next compaction's.",
                { Double($0.description.changesSinceBase) }
            ),
            (
                "lodestone_collection_changes_age_seconds",
                "Age of the oldest change since the base.",
                { Double($0.ageOfChanges.milliseconds) / 1_000 }
            ),
            (
                "lodestone_collection_base_bytes", "Bytes of the base.",
                { Double($0.description.baseByteCount) }
            ),
            (
                "lodestone_collection_index_bytes", "Bytes of the vector index.",
                { Double($0.description.index.byteCount) }
            ),
            (
                "lodestone_collection_index_coverage_ratio",
                "Share of the vectors that the vector index covers.",
                { $0.description.index.coverage(of: $0.description.vectors) }
            ),
            (
                "lodestone_collection_index_recall_ratio",
                "Recall of the vector index, measured with queries from its own vectors.",
                { $0.description.index.selfRecall }
            ),
        ]

    private static func collections(_ collections: [EngineFigures.Collection]) -> [MetricFamily] {
        let shown = collections.prefix(CollectionMetrics.maxCount)
        return perCollection.map { name, help, value in
            let values = shown.compactMap { collection in
                value(collection).map { (collection.description.name, $0) }
            }
            return .gauges(name, help, by: "collection", values)
        }
    }
}

extension IndexStatus {
    /// The share of some vectors that the index covers; 1 without vectors.
    fileprivate func coverage(of vectors: Int) -> Double {
        vectors == 0 ? 1 : min(1, Double(indexedVectors) / Double(vectors))
    }
}
