// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

extension MessageWriter {
    mutating func response(_ response: Response) {
        varint(1, response.id)
        reply(response.reply)
    }

    private mutating func reply(_ reply: Reply) {
        switch reply {
        case .error(let error):
            message(2) { $0.error(error) }
        case .goAway(let goAway):
            message(3) { writer in
                writer.varint(1, goAway.lastRequest)
                writer.text(2, goAway.message)
            }
        case .hello(let hello):
            message(10) { writer in
                writer.varint(1, UInt64(hello.protocolVersion))
                writer.text(2, hello.serverVersion)
                writer.count(3, hello.maxFrameBytes, "max_frame_bytes")
                writer.count(4, hello.maxInFlight, "max_in_flight")
                writer.varint(5, hello.sequenceNumber)
            }
        case .pong(let sequenceNumber):
            message(11) { $0.varint(1, sequenceNumber) }
        case .written(let receipt):
            message(12) { $0.receipt(receipt) }
        case .collections(let collections):
            message(15) { writer in
                for collection in collections { writer.collectionDescription(1, collection) }
            }
        case .collection(let collection):
            message(16) { $0.collectionDescription(1, collection) }
        case .documents(let documents):
            message(19, expecting: documents.expectedByteCount) { writer in
                writer.documents(1, documents, vectors: 2)
            }
        case .page(let page):
            message(20, expecting: page.documents.expectedByteCount) { writer in
                writer.documents(1, page.documents, vectors: 2)
                if let cursor = page.nextCursor { writer.cursor(3, cursor) }
                if let cursor = page.edgesCursor {
                    cursor.bytes.withUnsafeBytes { writer.raw(4, $0) }
                }
            }
        case .counted(let response):
            message(30) { $0.counted(response) }
        case .search(let response):
            let hits = response.results.reduce(0) { $0 + $1.hits.count }
            message(21, expecting: 24 * hits) { writer in
                for result in response.results { writer.queryResult(1, result) }
                writer.varint(2, response.sequenceNumber)
            }
        case .walk(let response):
            message(22, expecting: response.expectedByteCount) { writer in
                for result in response.results {
                    writer.walkResult(1, result, byColumns: response.mayUseColumns)
                }
                writer.varint(2, response.sequenceNumber)
            }
        case .edges(let page):
            message(33, expecting: 24 * page.edges.count) { writer in
                for edge in page.edges { writer.listedEdge(1, edge) }
                if let cursor = page.nextCursor {
                    cursor.bytes.withUnsafeBytes { writer.raw(2, $0) }
                }
            }
        case .done(let sequenceNumber):
            message(23) { $0.varint(1, sequenceNumber) }
        case .snapshot(let snapshot):
            message(25) { $0.snapshot(snapshot) }
        case .snapshots(let snapshots):
            message(29) { writer in
                for snapshot in snapshots { writer.message(1) { $0.snapshot(snapshot) } }
            }
        case .snapshotPart(let part):
            message(34, expecting: part.bytes.count) { writer in
                part.bytes.withUnsafeBytes { writer.raw(1, $0) }
                writer.varint(2, part.byteCount)
            }
        case .erased(let receipt):
            message(31) { $0.receipt(receipt) }
        case .verified(let report):
            message(26, expecting: 256 * report.damages.count) { $0.report(report) }
        case .stats(let stats):
            message(27) { $0.stats(stats) }
        case .slowRequests(let report):
            let count = report.latest.count + report.slowest.count + report.shapes.count
            message(40, expecting: 512 * count) { $0.report(report) }
        }
    }

    private mutating func error(_ error: LodestoneError) {
        enumeration(1, error.code)
        text(2, error.reason.rawValue)
        text(3, error.message)
        text(4, error.recovery)
        enumeration(5, error.outcome)
        if let retryAfter = error.retryAfter { signed(6, Int64(retryAfter.milliseconds)) }
        if let field = error.field { text(7, field) }
        if let object = error.object { text(8, object) }
        if let number = error.sequenceNumber { varint(9, number) }
    }

    private mutating func receipt(_ receipt: WriteReceipt) {
        varint(1, receipt.sequenceNumber)
        enumeration(2, receipt.durability)
        count(3, receipt.inserted, "inserted")
        count(4, receipt.replaced, "replaced")
        count(5, receipt.dropped, "dropped")
        if receipt.isRepeated { bool(6, true) }
    }

    private mutating func queryResult(_ field: UInt8, _ result: QueryResult) {
        message(field, expecting: 24 * result.hits.count) { writer in
            for hit in result.hits { writer.hit(1, hit) }
            if result.isPartial { writer.bool(2, true) }
            for explanation in result.textExplanations {
                writer.textExplanation(8, explanation)
            }
            for explanation in result.explanations {
                writer.message(3) { writer in
                    writer.count(1, explanation.source, "source")
                    writer.text(2, explanation.strategy)
                    writer.varint(3, UInt64(clamping: explanation.visitedNodes))
                    writer.varint(4, UInt64(clamping: explanation.computedDistances))
                    writer.varint(5, UInt64(clamping: explanation.scannedRows))
                }
            }
            if let filter = result.filter { writer.filterExplanation(10, filter) }
            writer.facets(11, result.facets)
        }
    }

    private mutating func filterExplanation(_ field: UInt8, _ filter: FilterExplanation) {
        message(field) { writer in
            writer.text(1, filter.strategy)
            writer.varint(2, UInt64(clamping: filter.matchedDocuments))
            writer.varint(3, UInt64(clamping: filter.readDocuments))
        }
    }

    private mutating func counted(_ response: CountResponse) {
        varint(1, UInt64(clamping: response.count))
        facets(2, response.facets)
        if let filter = response.filter { filterExplanation(3, filter) }
        varint(4, response.sequenceNumber)
    }

    private mutating func hit(_ field: UInt8, _ hit: Hit) {
        message(field) { writer in
            writer.text(1, hit.id.string)
            writer.double(2, hit.score)
            for score in hit.sourceScores {
                writer.message(3) { writer in
                    writer.count(1, score.source, "source")
                    if let rank = score.rank { writer.count(2, rank, "rank") }
                    writer.double(3, score.score)
                }
            }
            for field in hit.highlights { writer.highlightedField(8, field) }
            guard let document = hit.document else { return }
            if document.vector == nil || document.hasContents {
                writer.message(4) { $0.contents(document) }
            }
            if let vector = document.vector { writer.vector(5, vector) }
        }
    }

    private mutating func walkResult(_ field: UInt8, _ result: WalkResult, byColumns: Bool) {
        message(field, expecting: result.reached.expectedByteCount(byColumns: byColumns)) {
            writer in
            let counts = byColumns ? result.reached.countsByDepth : nil
            if counts == nil {
                for reached in result.reached { writer.reached(1, reached) }
            }
            if let limit = result.endedBy { writer.enumeration(2, limit) }
            writer.varint(3, UInt64(clamping: result.edgesFollowed))
            if let counts { writer.reachedColumns(4, result.reached, counts) }
        }
    }

    private mutating func reached(_ field: UInt8, _ reached: Reached) {
        message(field) { writer in
            writer.text(1, reached.id.string)
            writer.count(2, reached.depth, "depth")
            writer.text(3, reached.from.string)
            writer.text(4, reached.label)
            if reached.weight != 1 { writer.float(5, reached.weight) }
            if reached.isIncoming { writer.bool(6, true) }
        }
    }

    private mutating func reachedColumns(
        _ field: UInt8,
        _ reached: ReachedDocuments,
        _ counts: [UInt32]
    ) {
        message(field, expecting: reached.expectedByteCount(byColumns: true)) { writer in
            for start in reached.starts { writer.text(1, start.string) }
            reached.idBytes.withUnsafeBytes { writer.raw(2, $0) }
            writer.packed(3, count: reached.count) {
                UInt32(truncatingIfNeeded: reached.idRange(at: $0).count)
            }
            writer.packed(4, count: counts.count) { counts[$0] }
            var parent: UInt32 = 0
            writer.packed(5, count: reached.count) { position in
                let difference = Int32(bitPattern: reached.parents[position] &- parent)
                parent = reached.parents[position]
                return UInt32(bitPattern: difference << 1 ^ difference >> 31)
            }
            for label in reached.labels { writer.text(6, label) }
            if reached.labels.count > 1 {
                writer.packed(7, count: reached.count) { reached.labelPositions[$0] }
            }
            if !reached.weights.isEmpty { writer.floats(8, reached.weights) }
            if !reached.areIncoming.isEmpty {
                let bits = reached.incomingBits
                bits.withUnsafeBytes { writer.raw(9, $0) }
            }
        }
    }

    private mutating func listedEdge(_ field: UInt8, _ edge: ListedEdge) {
        message(field) { writer in
            writer.text(1, edge.label)
            writer.text(2, edge.id.string)
            if edge.weight != 1 { writer.float(3, edge.weight) }
            if !edge.metadata.isEmpty { writer.metadata(4, edge.metadata) }
        }
    }

    private mutating func stats(_ stats: Stats) {
        text(1, stats.serverVersion)
        text(2, stats.storeVersion)
        varint(3, stats.sequenceNumber)
        for collection in stats.collections { collectionDescription(4, collection) }
        for statistic in stats.statistics {
            message(5) { $0.statistic(statistic) }
        }
        if let failure = stats.compactionFailure { text(6, failure) }
    }

    mutating func statistic(_ statistic: Statistic) {
        text(1, statistic.name)
        double(2, statistic.value)
        text(3, statistic.unit)
    }
}

extension Reply {
    /// A guess at the bytes of the encoded reply.
    package var expectedByteCount: Int {
        switch self {
        case .documents(let documents): documents.expectedByteCount + 256 * documents.count
        case .page(let page): page.documents.expectedByteCount + 256 * page.documents.count
        case .search(let response): 32 * response.results.reduce(8) { $0 + $1.hits.count }
        case .walk(let response): 256 + response.expectedByteCount
        case .edges(let page): 32 * (8 + page.edges.count)
        case .verified(let report): 256 * (1 + report.damages.count)
        default: 256
        }
    }
}

extension Reply {
    /// Whether the encoded reply surely has no more than some kilobytes.
    package var isShort: Bool {
        switch self {
        case .pong, .written, .counted, .done, .error: true
        default: false
        }
    }
}

extension WalkResponse {
    fileprivate var expectedByteCount: Int {
        results.reduce(0) { $0 + 16 + $1.reached.expectedByteCount(byColumns: mayUseColumns) }
    }
}

extension ReachedDocuments {
    fileprivate func expectedByteCount(byColumns: Bool) -> Int {
        byColumns ? 32 * (1 + starts.count + labels.count) + idBytes.count + 4 * count : 24 * count
    }

    /// The number of documents per depth, from depth 1; `nil` when they are not ordered by depth.
    fileprivate var countsByDepth: [UInt32]? {
        var counts: [UInt32] = []
        for depth in depths {
            if depth == counts.count + 1 { counts.append(0) }
            guard depth > 0, depth == counts.count else { return nil }
            counts[Int(depth) - 1] += 1
        }
        return counts
    }

    /// One bit per document: whether its edge was followed against its direction.
    fileprivate var incomingBits: [UInt8] {
        var bits = [UInt8](repeating: 0, count: (count + 7) / 8)
        for (position, isIncoming) in areIncoming.enumerated() where isIncoming {
            bits[position / 8] |= 1 << UInt8(position % 8)
        }
        return bits
    }
}

extension Document {
    fileprivate var hasContents: Bool { !text.isEmpty || !metadata.isEmpty || !edges.isEmpty }
}

extension [Document] {
    fileprivate var expectedByteCount: Int {
        count * (16 + 4 * (first?.vector?.count ?? 0))
    }
}
