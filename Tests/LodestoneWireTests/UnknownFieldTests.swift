// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import LodestoneWire
import TestSupport
import Testing

@Suite("Unknown fields")
struct UnknownFieldTests {
    /// A group of field 99 with `contents` between its tags.
    private static func group(_ contents: [UInt8]) -> [UInt8] {
        [0x9B, 0x06] + contents + [0x9C, 0x06]
    }

    private func decode(_ bytes: [UInt8]) throws -> Request {
        try bytes.withUnsafeBytes { try MessageCodec.decodeRequest($0) }
    }

    private func refusal(_ bytes: [UInt8]) -> DecodingFailure? {
        do {
            _ = try decode(bytes)
            return nil
        } catch {
            return error as? DecodingFailure
        }
    }

    /// Unknown fields in every form of the wire.
    private static let unknown: [[UInt8]] = [
        [], [0x08, 0x01], [0x12, 3, 1, 2, 3], [0x09, 1, 2, 3, 4, 5, 6, 7, 8], [0x0D, 1, 2, 3, 4],
        group([]), group(group([0x08, 1])), [0x12, 2, 0x9C, 0x06],
        [0x12, 0x80, 1] + Array(repeating: 0x9C, count: 128),
        [0x12, 0x80, 0x80, 1] + Array(repeating: 7, count: 16_384),
    ]

    @Test("Unknown protobuf groups are ignored at every position", arguments: unknown)
    func groups(contents: [UInt8]) throws {
        let group = Self.group(contents)
        #expect(try decode([8, 2] + group + [0x5A, 0]) == Request(id: 2, call: .ping))
        #expect(try decode(group + [8, 2, 0x5A, 0] + group) == Request(id: 2, call: .ping))
        // The group is in the request, in its call and in a document with id, text and a metadata
        // value.
        let value: [UInt8] = [0x12, 2, 0x10, 4]
        let field: [UInt8] = [0x0A, 1, 0x6E] + value
        let metadata = group + [0x0A, UInt8(field.count)] + field
        let document =
            [0x0A, 1, 0x61] + group + message(3, metadata) + message(2, group + [0x12, 1, 0x74])
        let call = message(1, [0x63]) + group + message(2, document) + group
        let request = try decode([8, 7] + message(17, call) + group)
        guard case .indexMany(let index) = request.call else {
            Issue.record("\(request.call)")
            return
        }
        #expect(index.documents.count == 1)
        #expect(index.documents.first?.id == "a")
        #expect(index.documents.first?.metadata == ["n": 2])
        #expect(index.documents.first?.text.first?.text == "t")
    }

    private func message(_ field: Int, _ contents: [UInt8]) -> [UInt8] {
        varint(field << 3 | 2) + varint(contents.count) + contents
    }

    private func varint(_ value: Int) -> [UInt8] {
        value < 0x80
            ? [UInt8(value)] : [UInt8(value & 0x7F) | 0x80] + varint(value >> 7)
    }

    @Test("Protobuf groups that don't end or don't match are malformed")
    func brokenGroups() {
        let broken: [[UInt8]] = [
            [0x9B, 0x06], [0x9B, 0x06, 0xA4, 0x06], [0x9C, 0x06], [0x9B, 0x06, 0x08],
            [0x9B, 0x06, 0x12, 5, 1], [0x9B, 0x06, 0x0F, 0x9C, 0x06],
            // The group of a known field has another wire type than the field.
            [0x13, 0x14],
        ]
        for bytes in broken {
            let failure = refusal([8, 2, 0x5A, 0] + bytes)
            #expect(failure?.error.reason == .malformed, "\(bytes)")
            #expect(failure?.id == 2)
        }
        let deep = (0..<5_000).reduce(into: [UInt8]()) { bytes, _ in bytes += [0x9B, 0x06] }
        #expect(refusal([8, 2] + deep)?.error.reason == .nestingTooDeep)
        let nested = (0..<31).reduce(into: [UInt8]()) { bytes, _ in bytes = Self.group(bytes) }
        #expect(refusal([8, 2, 0x5A, 0] + nested) == nil)
    }

    @Test("A known protobuf field of another wire type is refused by name")
    func wireTypes() {
        // deadline_ms as four bytes.
        let number = refusal([8, 2, 0x15, 0x27, 0, 0, 0, 0x5A, 0])
        #expect(number?.error.reason == .malformed && number?.error.field == "deadline_ms")
        #expect(number?.error.message.contains("Byte 2 ") == true)
        #expect(number?.error.message.contains("Request") == true)
        #expect(number?.id == 2)
        // The id of a document as a number.
        let id = refusal([8, 2] + message(17, message(1, [0x63]) + message(2, [0x08, 1])))
        #expect(id?.error.field == "id" && id?.error.message.contains("Document") == true)
    }

    @Test("Unknown protobuf fields at random positions change no known field")
    func random() throws {
        var generator = SeededGenerator(seed: 9)
        let plain: [UInt8] = [8, 2, 0x10, 5]
        let expected = try decode(plain + [0x5A, 0])
        for _ in 0..<2_000 {
            var contents: [UInt8] = []
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                contents += Self.unknown.dropLast(2).randomElement(using: &generator) ?? []
                if Bool.random(using: &generator) { contents = Self.group(contents) }
            }
            let group = Self.group(contents)
            let parts = [[8, 2], [0x10, 5], [0x5A, 0]] as [[UInt8]]
            let position = Int.random(in: 0...3, using: &generator)
            let bytes =
                parts[..<position].flatMap { $0 } + group + parts[position...].flatMap { $0 }
            #expect(try decode(bytes) == expected)
        }
    }
}

@Suite("Unencodable request")
struct UnwritableRequestTests {
    private func failure(_ call: Call) -> LodestoneError? {
        var output = ByteBuffer()
        do throws(LodestoneError) {
            try MessageCodec.append(Request(id: 1, call: call), to: &output)
            return nil
        } catch {
            let byteCount = output.count
            #expect(byteCount == 0)
            return error
        }
    }

    @Test("An unencodable value is reported with the path of its field")
    func positions() {
        let good = Query([.near([1])])
        func search(_ change: (inout Query) -> Void) -> Call {
            var bad = Query([.near([1]), .matching("x")])
            change(&bad)
            return .search(SearchRequest(collection: "c", queries: [good, bad]))
        }
        let cases: [(Call, String)] = [
            (search { $0.limit = -1 }, "queries[1].limit"),
            (search { $0.sources[1].candidates = .max }, "queries[1].sources[1].candidates"),
            (
                search { $0.sources[0] = .near([1], efSearch: -5) },
                "queries[1].sources[0].ef_search"
            ),
            (search { $0.fusion = .reciprocalRank(k: -1) }, "queries[1].fusion.k"),
            (
                search {
                    $0.facets = [FacetRequest(path: ["a"]), FacetRequest(path: ["a"], limit: -1)]
                },
                "queries[1].facets[1].limit"
            ),
            (
                .walk(WalkRequest(collection: "c", walks: [Walk(from: ["a"], depth: -2)])),
                "walks[0].depth"
            ),
            (
                .walk(
                    WalkRequest(
                        collection: "c",
                        walks: [
                            Walk(from: ["a"], budget: WalkBudget(time: .seconds(Int64.max)))
                        ]
                    )
                ),
                "walks[0].budget.time_ms"
            ),
            (.scan(ScanRequest(collection: "c", limit: -1)), "limit"),
        ]
        for (call, field) in cases {
            let error = failure(call)
            #expect(error?.field == field)
            #expect(error?.reason == .limit && error?.message.hasPrefix(field) == true)
            let isNegative = error?.message.contains("is -") == true
            #expect(error?.recovery == "Send a \(isNegative ? "positive" : "smaller") number.")
        }
    }

    @Test("A request with a vector of another length is reported with its document or source")
    func vectors() {
        let documents = [
            Document(id: "a", vector: [1, 2]), Document(id: "b"), Document(id: "c", vector: [1]),
        ]
        let write = failure(.indexMany(IndexManyRequest(collection: "c", documents: documents)))
        #expect(write?.field == "documents[2].vector" && write?.object == "c")
        #expect(
            write?.message == "documents[2].vector has 1 elements, documents[0].vector 2."
        )
        let empty = failure(
            .indexMany(
                IndexManyRequest(collection: "c", documents: [Document(id: "e", vector: [])])
            )
        )
        #expect(empty?.field == "documents[0].vector" && empty?.object == "e")
        let queries = [
            Query([.matching("x")]), Query([.matching("y"), .near([1]), .near([1, 2])]),
        ]
        let search = failure(.search(SearchRequest(collection: "c", queries: queries)))
        #expect(search?.field == "queries[1].sources[2].vector")
    }
}
