// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import LodestoneWire
import TestSupport
import Testing

@Suite("Round trip")
struct RoundTripTests {
    @Test("Every call is decoded as it was encoded", arguments: RandomMessages.calls)
    func call(kind: Int) throws {
        for seed in 0..<100 {
            var random = RandomMessages(seed: UInt64(seed * 64 + kind))
            let request = random.request(kind)
            #expect(try decodedRequest(encoded(request)) == request, "seed \(seed)")
        }
    }

    @Test("Every reply is decoded as it was encoded", arguments: RandomMessages.replies)
    func reply(kind: Int) throws {
        for seed in 0..<100 {
            var random = RandomMessages(seed: UInt64(seed * 64 + kind))
            let response = random.response(kind)
            #expect(try decodedResponse(encoded(response)) == response, "seed \(seed)")
        }
    }

    @Test("A reply that is shorter than its guessed size is encoded", .timeLimit(.minutes(1)))
    func overestimate() throws {
        for count in [1, 10, 64, 100, 500] {
            let damage = Damage(kind: "row", object: "1", message: "", recovery: "")
            let report = VerifyReport(
                sequenceNumber: 1,
                batches: 0,
                rows: 0,
                vectors: 0,
                edges: 0,
                damages: Array(repeating: damage, count: count),
                damageCount: UInt64(count)
            )
            let response = Response(id: 1, reply: .verified(report))
            #expect(try decodedResponse(encoded(response)) == response, "\(count)")
        }
    }

    @Test("Metadata with look-alike names is decoded as it was encoded", arguments: LookAlikes.all)
    func names(pair: LookAlikes) throws {
        let metadata: Metadata = [
            pair.first: 1,
            pair.second: .object([pair.second: 2, pair.first: .string(pair.second)]),
        ]
        let document = Document(
            id: "a",
            metadata: metadata,
            edges: [Edge("l", to: "b", metadata: metadata)]
        )
        let request = Request(
            id: 1,
            call: .indexMany(IndexManyRequest(collection: "c", documents: [document]))
        )
        let decoded = try decodedRequest(encoded(request))
        guard case .indexMany(let batch) = decoded.call else {
            Issue.record("another call: \(decoded)")
            return
        }
        #expect(decoded == request && batch.documents.first?.metadata.count == 2)
        // Documents are encoded alike, whatever the order in which the fields came.
        let fields = metadata.map { ($0.key, $0.value) }
        var other = document
        other.metadata = Metadata(uniqueKeysWithValues: fields.reversed())
        let again = Request(
            id: 1,
            call: .indexMany(IndexManyRequest(collection: "c", documents: [other]))
        )
        #expect(try encoded(again) == encoded(request))
    }

    @Test("A batch of a thousand documents with vectors is decoded as it was encoded")
    func largeBatch() throws {
        var random = RandomMessages(seed: 7)
        let documents = (0..<1_000).map { number in
            Document(
                id: DocumentID(stringLiteral: "doc-\(number)"),
                vector: random.vector(96),
                text: "text \(number)",
                metadata: ["number": .int(Int64(number))]
            )
        }
        let request = Request(
            id: 1,
            call: .indexMany(IndexManyRequest(collection: "papers", documents: documents))
        )
        #expect(try decodedRequest(encoded(request)) == request)
    }

    @Test("A batch near each boundary of a length prefix is decoded as it was encoded")
    func unexpectedSize() throws {
        for byteCount in [120, 130, 16_300, 16_400, 2_097_100, 2_097_200] {
            let document = Document(
                id: "a",
                text: "t",
                metadata: ["m": .string(String(repeating: "x", count: byteCount))]
            )
            let request = Request(
                id: 1,
                call: .indexMany(IndexManyRequest(collection: "c", documents: [document]))
            )
            var limits = Limits.standard
            limits.maxDocumentBytes = 4 << 20
            let bytes = try message(encoded(request))
            #expect(
                try bytes.withUnsafeBytes { try MessageCodec.decodeRequest($0, limits: limits) }
                    == request
            )
        }
    }

    @Test("Equal metadata is encoded equally, in any order of insertion")
    func metadataOrder() throws {
        let names = (0..<50).map { "name \($0)" }
        func frame(_ names: [String]) throws -> [UInt8] {
            var metadata: Metadata = [:]
            for name in names { metadata[name] = .string(name) }
            let document = Document(id: "a", metadata: metadata)
            return try encoded(
                Request(
                    id: 1,
                    call: .indexMany(IndexManyRequest(collection: "c", documents: [document]))
                )
            )
        }
        #expect(try frame(names) == frame(names.reversed()))
    }

    @Test("Vectors keep any bit pattern, including NaN and infinity")
    func notANumber() throws {
        let vector: [Float] = [.nan, .infinity, -.infinity, -0.0]
        let frame = try encoded(
            Request(
                id: 1,
                call: .search(SearchRequest(collection: "c", queries: [Query([.near(vector)])]))
            )
        )
        guard case .search(let search) = try decodedRequest(frame).call,
            case .vector(let near) = search.queries.first?.sources.first?.kind
        else {
            Issue.record("not a search")
            return
        }
        #expect(near.vector.map(\.bitPattern) == vector.map(\.bitPattern))
    }

    @Test("An encoded frame is appended behind the contents of the buffer")
    func appending() throws {
        let request = Request(id: 1, call: .ping)
        let response = Response(id: 1, reply: .pong(sequenceNumber: 9))
        var output = ByteBuffer()
        output.append(contentsOf: [1, 2, 3])
        try MessageCodec.append(request, to: &output)
        MessageCodec.append(response, to: &output)
        let expected = [1, 2, 3] + (try encoded(request)) + encoded(response)
        #expect(output.array == expected)
    }
}

@Suite("Refused encoding")
struct RefusedMessageTests {
    @Test("Vectors of different lengths in one call are refused")
    func mixedDimensions() {
        expectRefusal(
            .indexMany(
                IndexManyRequest(
                    collection: "c",
                    documents: [
                        Document(id: "a", vector: [1, 2]), Document(id: "b", vector: [1, 2, 3, 4]),
                    ]
                )
            ),
            reason: .dimensionMismatch
        )
        expectRefusal(
            .search(
                SearchRequest(
                    collection: "c",
                    queries: [Query([.near([1])]), Query([.near([1, 2])])]
                )
            ),
            reason: .dimensionMismatch
        )
    }

    @Test("A vector without elements is not encoded")
    func emptyVector() {
        expectRefusal(
            .search(SearchRequest(collection: "c", queries: [Query([.near([])])])),
            reason: .badVector
        )
    }

    @Test("A request with a negative count is not encoded")
    func negative() {
        expectRefusal(
            .scan(ScanRequest(collection: "c", limit: -1)),
            reason: .limit,
            field: "limit"
        )
    }

    @Test("A message over the frame limit is refused")
    func tooLarge() {
        expectRefusal(
            .dropCollection(name: String(repeating: "x", count: 100)),
            reason: .frameTooLarge,
            maxFrameBytes: 100
        )
    }

    @Test("A reply over the frame limit becomes an error")
    func replyTooLarge() throws {
        var output = ByteBuffer()
        let documents = [Document(id: "a", text: String(repeating: "x", count: 1_000))]
        MessageCodec.append(
            Response(id: 5, reply: .documents(documents)),
            to: &output,
            maxFrameBytes: 500
        )
        let response = try decodedResponse(output.array)
        #expect(response.id == 5)
        guard case .error(let error) = response.reply else {
            Issue.record("not an error")
            return
        }
        #expect(error.code == .resourceExhausted)
        #expect(error.reason == .replyTooLarge)
    }

    @Test("A document is encoded within its estimated least and greatest byte counts")
    func leastByteCount() {
        for number in 0..<500 {
            var document = RandomDocuments.document(number, dimension: number % 9)
            document.edges.append(Edge("", to: "e"))
            var output = ByteBuffer()
            MessageCodec.append(Response(id: 1, reply: .documents([document])), to: &output)
            #expect(document.leastWireByteCount <= output.count)
            #expect(document.maxWireByteCount >= output.count - 64)
        }
    }

    /// Expects that a call is refused and that the output stays as it was.
    private func expectRefusal(
        _ call: Call,
        reason: LodestoneError.Reason,
        field: String? = nil,
        maxFrameBytes: Int = 1 << 20
    ) {
        var output = ByteBuffer()
        output.append(contentsOf: [9])
        do throws(LodestoneError) {
            try MessageCodec.append(
                Request(id: 1, call: call),
                to: &output,
                maxFrameBytes: maxFrameBytes
            )
            Issue.record("was not refused")
        } catch {
            #expect(error.reason == reason)
            if let field { #expect(error.field == field) }
        }
        #expect(output.array == [9])
    }
}
