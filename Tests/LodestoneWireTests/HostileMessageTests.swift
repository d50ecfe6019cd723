// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire
import TestSupport
import Testing

/// Protobuf written by hand, so that it can be wrong.
private enum Bytes {
    static func varint(_ value: Int) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest > 0x7f {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    static func field(_ number: Int, _ contents: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(contents.count) + contents
    }

    static func text(_ number: Int, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }

    /// A request with id 7 and this call.
    static func request(_ call: Int, _ contents: [UInt8]) -> [UInt8] {
        [8, 7] + field(call, contents)
    }

    /// `inner` inside `levels` messages; each of them is field `number` of the one around it.
    static func nested(_ levels: Int, field number: Int, around inner: [UInt8] = []) -> [UInt8] {
        var reversed = Array(inner.reversed())
        for _ in 0..<levels {
            let length = varint(reversed.count)
            reversed += length.reversed()
            reversed += varint(number << 3 | 2).reversed()
        }
        return reversed.reversed()
    }

    static func repeated(_ unit: [UInt8], atLeast byteCount: Int) -> [UInt8] {
        var bytes = unit
        while bytes.count < byteCount { bytes += bytes }
        return bytes
    }

    static func indexMany(_ contents: [UInt8]) -> [UInt8] { request(17, text(1, "c") + contents) }
    static func document(_ contents: [UInt8]) -> [UInt8] { indexMany(field(2, contents)) }
}

@Suite("Hostile message")
struct HostileMessageTests {
    @Test("A message with 9,000 nested filters is refused for its depth")
    func nestingBomb() {
        let bomb = Bytes.nested(9_000, field: 4)
        #expect(bomb.count > 25_000)
        let query = Bytes.field(2, Bytes.field(2, bomb))
        let failure = refusal(Bytes.request(21, query))
        #expect(failure?.id == 7)
        #expect(failure?.error.code == .invalidArgument)
        #expect(failure?.error.reason == .nestingTooDeep)
    }

    @Test("Nesting is allowed up to the limit and counted only in messages")
    func nestingLimit() throws {
        // Request, Search, Query and Filter are four levels; each negation is one more.
        let leaf = Bytes.field(1, Bytes.text(1, "n") + [0x28, 1])
        func search(negations: Int) -> [UInt8] {
            let filter = Bytes.nested(negations, field: 4, around: leaf)
            return Bytes.request(
                21,
                Bytes.text(1, "c") + Bytes.field(2, Bytes.field(2, filter))
            )
        }
        _ = try search(negations: 27).withUnsafeBytes { try MessageCodec.decodeRequest($0) }
        #expect(refusal(search(negations: 28))?.error.reason == .nestingTooDeep)

        let looksNested = Bytes.nested(500, field: 4)
        let document = Bytes.text(1, "a") + Bytes.field(2, Bytes.text(1, "t"))
        let text = String(decoding: looksNested.map { $0 & 0x7f }, as: UTF8.self)
        let harmless = Bytes.document(document + Bytes.field(2, Bytes.text(2, text)))
        _ = try harmless.withUnsafeBytes { try MessageCodec.decodeRequest($0) }
    }

    @Test(
        "Bytes that would take a hundred times their memory are refused first",
        arguments: [
            // Empty documents, text fields, edges, metadata fields; bytes: ids; unknown fields.
            [0x12, 0x00], [0x22, 0x00], [0x1a, 0x04, 0x0a, 0x00, 0x0a, 0x00], [0x7a, 0x00],
        ] as [[UInt8]]
    )
    func amplification(unit: [UInt8]) {
        let bomb = Bytes.repeated(unit, atLeast: 4 << 20)
        let before = residentByteCount()
        let failure = refusal(Bytes.indexMany(bomb))
        let grown = residentByteCount() - before
        let reasons: [LodestoneError.Reason?] = [.decodeBudget, .malformed, .limit, .badVector]
        #expect(reasons.contains(failure?.error.reason))
        #expect(grown < 256 << 20, "grew by \(grown >> 20) MiB")
    }

    @Test("Millions of empty messages exceed the decode budget")
    func decodeBudget() {
        let bomb = Bytes.repeated([0x12, 0x00], atLeast: 4 << 20)
        let failure = refusal(Bytes.indexMany(bomb))
        #expect(failure?.error.code == .resourceExhausted)
        #expect(failure?.error.reason == .decodeBudget)
        #expect(failure?.id == 7)
    }

    @Test("A repeated singular message is refused, not merged")
    func repeatedSingular() {
        let metadata = Bytes.field(
            3,
            Bytes.field(1, Bytes.text(1, "n") + Bytes.field(2, [0x10, 2]))
        )
        let failure = refusal(Bytes.document(Bytes.text(1, "a") + metadata + metadata))
        #expect(failure?.error.reason == .malformed)
    }

    @Test(
        "Malformed bytes are refused",
        arguments: [
            [0x00, 0x01], [0x08], [0x08, 0xff], [0x0b], [0x0c], [0x0f, 0x01], [0x09, 1, 2],
            [0x5a, 0x05, 0x00], [0x5a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            // A call as a number, an id as bytes, a length of half a float.
            [0x58, 0x01], [0x0a, 0x00], [0x8a, 0x01, 0x03, 0x1a, 0x01, 0x00],
        ] as [[UInt8]]
    )
    func malformed(bytes: [UInt8]) {
        let failure = refusal(bytes)
        #expect(failure?.error.code == .invalidArgument)
        #expect(failure?.error.reason == .malformed)
    }

    @Test("A list-edges call with an invalid id, label, direction or cursor is refused")
    func edges() {
        let id = Bytes.text(1, "c") + Bytes.text(2, "a")
        let cases: [(bytes: [UInt8], reason: String, field: String)] = [
            (Bytes.text(1, "c"), "BAD_ID", "id"),
            (Bytes.text(1, "c") + Bytes.text(2, "a\0"), "BAD_ID", "id"),
            (Bytes.text(1, "c") + Bytes.field(2, [0xff]), "BAD_UTF8", "id"),
            (id + Bytes.text(4, "to") + Bytes.field(4, [0xc3]), "BAD_UTF8", "labels[1]"),
            (id + Bytes.repeated(Bytes.text(4, "a label"), atLeast: 100_000), "LIMIT", "labels"),
            (id + [0x18, 3], "UNKNOWN_ENUM", "direction"),
            (
                id + Bytes.field(6, Array(repeating: 0, count: 2_049)), "BAD_CURSOR",
                "cursor"
            ),
        ]
        for (bytes, reason, field) in cases {
            let failure = refusal(Bytes.request(33, bytes))
            #expect(failure?.id == 7)
            #expect(failure?.error.code == .invalidArgument)
            #expect(failure?.error.reason.rawValue == reason)
            #expect(failure?.error.field == field)
        }
    }

    @Test("The error of an unknown call has the request's id")
    func unknownCall() {
        let failure = refusal(Bytes.request(200, [1, 2, 3]))
        #expect(failure?.id == 7)
        #expect(failure?.error.code == .unimplemented)
        #expect(failure?.error.reason == .unknownCall)
    }

    @Test("Fields of later releases are ignored")
    func unknownField() throws {
        let request = try (Bytes.request(11, Bytes.text(90, "later")) + Bytes.text(91, "later"))
            .withUnsafeBytes { try MessageCodec.decodeRequest($0) }
        #expect(request == Request(id: 7, call: .ping))
    }
}

@Suite("Invalid values")
struct InvalidValueTests {
    @Test(
        "Invalid ids are refused with the reason and the field",
        arguments: [
            ([], "BAD_ID"), ([0x61, 0x00, 0x62], "BAD_ID"), ([0xff], "BAD_UTF8"),
            ([0xc3], "BAD_UTF8"), ([0xed, 0xa0, 0x80], "BAD_UTF8"),
            ([UInt8](repeating: 0x61, count: 513), "LIMIT"),
        ] as [([UInt8], String)]
    )
    func ids(id: [UInt8], reason: String) {
        let good = Bytes.field(2, Bytes.text(1, "good"))
        let batch = refusal(Bytes.indexMany(good + Bytes.field(2, Bytes.field(1, id))))
        #expect(batch?.error.code == .invalidArgument)
        #expect(batch?.error.reason.rawValue == reason)
        #expect(batch?.error.field == "documents[1].id")

        let get = refusal(Bytes.request(19, Bytes.text(1, "c") + Bytes.field(2, id)))
        #expect(get?.error.field == "ids[0]")

        let edge = refusal(
            Bytes.document(
                Bytes.text(1, "a") + Bytes.field(4, Bytes.text(1, "l") + Bytes.field(2, id))
            )
        )
        #expect(edge?.error.field == "documents[0].edges[0].target")
    }

    @Test("An id of the greatest length is accepted")
    func longestID() throws {
        let id = String(repeating: "a", count: 512)
        let request = try Bytes.document(Bytes.text(1, id))
            .withUnsafeBytes { try MessageCodec.decodeRequest($0) }
        guard case .indexMany(let batch) = request.call else {
            Issue.record("not a batch")
            return
        }
        #expect(batch.documents.first?.id.string == id)
    }

    @Test("Text that is not UTF-8 is refused")
    func text() {
        let bad: [UInt8] = [0x61, 0xff]
        let document = Bytes.text(1, "a") + Bytes.field(2, Bytes.text(1, "t") + Bytes.field(2, bad))
        let failure = refusal(Bytes.document(document))
        #expect(failure?.error.reason == .badUTF8)
        #expect(failure?.error.field == "documents[0].text[0].text")

        let name = refusal(Bytes.request(14, Bytes.field(1, bad)))
        #expect(name?.error.reason == .badUTF8)
        #expect(name?.error.field == "name")
    }

    @Test("Invalid metadata is refused with the reason and the field")
    func metadata() {
        func failure(_ fields: [UInt8]) -> LodestoneError? {
            refusal(Bytes.document(Bytes.text(1, "a") + Bytes.field(3, fields)))?.error
        }
        let one = Bytes.field(1, Bytes.text(1, "n") + Bytes.field(2, [0x10, 2]))
        #expect(failure(Bytes.field(1, Bytes.text(1, "n")))?.reason == .malformed)
        #expect(
            failure(Bytes.field(1, Bytes.text(1, "n") + Bytes.field(2, [])))?.field
                == "documents[0].metadata.n"
        )
        #expect(failure(one + one)?.reason == .duplicateName)
        let list = Bytes.field(
            6,
            Bytes.field(1, [0x10, 2]) + Bytes.field(1, Bytes.field(4, [0xff]))
        )
        let deep = failure(Bytes.field(1, Bytes.text(1, "n") + Bytes.field(2, list)))
        #expect(deep?.reason == .badUTF8)
        #expect(deep?.field == "documents[0].metadata.n.values[1].string_value")
    }

    @Test("A request id of another length is refused", arguments: [0, 1, 15, 17])
    func requestIDs(count: Int) {
        let message =
            [8, 7] + Bytes.field(3, [UInt8](repeating: 1, count: count)) + Bytes.field(11, [])
        #expect(refusal(message)?.error.reason == .badRequestID)
    }

    @Test("Floats that don't divide evenly among the vectors are refused")
    func vectors() {
        let with = Bytes.field(2, Bytes.text(1, "a") + [0x28, 1])
        let without = Bytes.field(2, Bytes.text(1, "b"))
        let floats = { (count: Int) in Bytes.field(3, [UInt8](repeating: 0, count: 4 * count)) }
        for message in [with + with + floats(3), with, without + floats(2), floats(2)] {
            let failure = refusal(Bytes.indexMany(message))
            #expect(failure?.error.code == .invalidArgument)
            #expect(failure?.error.reason == .badVector)
            #expect(failure?.error.field == "vectors")
        }
        let near = Bytes.field(2, Bytes.field(1, Bytes.field(1, [])))
        let search = refusal(Bytes.request(21, Bytes.text(1, "c") + near + near + floats(3)))
        #expect(search?.error.reason == .badVector)
    }

    @Test("More elements than a call may hold are refused")
    func counts() {
        var limits = Limits.standard
        limits.maxBatch = 2
        let three = { (unit: [UInt8]) in unit + unit + unit }
        let edge = Bytes.field(
            4,
            Bytes.text(1, "a") + Bytes.field(2, Bytes.text(1, "l") + Bytes.text(2, "b"))
        )
        let cases: [(String, [UInt8])] = [
            ("documents", Bytes.indexMany(three(Bytes.field(2, Bytes.text(1, "a"))))),
            ("edges", Bytes.indexMany(three(edge))),
            ("ids", Bytes.request(18, three(Bytes.text(2, "a")))),
            ("ids", Bytes.request(19, three(Bytes.text(2, "a")))),
            ("queries", Bytes.request(21, three(Bytes.field(2, [])))),
            ("walks", Bytes.request(22, three(Bytes.field(2, [])))),
            ("walks[0].from", Bytes.request(22, Bytes.field(2, three(Bytes.text(1, "a"))))),
        ]
        for (field, message) in cases {
            let failure = refusal(message, limits: limits)
            #expect(failure?.error.reason == .limit)
            #expect(failure?.error.field == field)
        }
    }

    @Test("A document over the size limit is refused with its index and id")
    func largeDocument() throws {
        var limits = Limits.standard
        limits.maxDocumentBytes = 100
        let text = String(repeating: "x", count: 101)
        let document = Bytes.text(1, "a") + Bytes.field(2, Bytes.text(2, text))
        let small = Bytes.field(2, Bytes.text(1, "b"))
        let message = Bytes.indexMany(small + small + Bytes.field(2, document))
        let failure = refusal(message, limits: limits)
        #expect(failure?.error.reason == .limit)
        #expect(failure?.error.field == "documents[2]")
        #expect(failure?.error.object == "a")
        _ = try message.withUnsafeBytes { try MessageCodec.decodeRequest($0) }
    }

    @Test("Numbers without a case of their enum are refused")
    func enums() {
        let create = Bytes.text(1, "c") + Bytes.field(2, [0x08, 3, 0x10, 9])
        let failure = refusal(Bytes.request(12, create))
        #expect(failure?.error.reason == .unknownEnum)
        #expect(failure?.error.field == "options.metric")
        // This is -1 as protobuf writes it.
        let negative: [UInt8] = [0x10] + Array(repeating: 0xFF, count: 9) + [1]
        let minus = refusal(Bytes.request(12, Bytes.text(1, "c") + Bytes.field(2, negative)))
        #expect(minus?.error.message.contains("metric is -1,") == true)
    }

    @Test("A scan cursor that no server issued is refused")
    func cursor() {
        let failure = refusal(Bytes.request(20, Bytes.text(1, "c") + Bytes.field(2, [1, 2, 3])))
        #expect(failure?.error.reason == .badCursor)
        // Some languages can't leave a field out.
        let empty = Bytes.request(20, Bytes.text(1, "c") + Bytes.field(2, []))
        #expect(throws: Never.self) {
            _ = try empty.withUnsafeBytes { try MessageCodec.decodeRequest($0) }
        }
    }

    @Test("Filters, sources and fusions without a kind, and incomplete comparisons, are refused")
    func emptyKinds() {
        let query = { (contents: [UInt8]) in
            Bytes.request(21, Bytes.text(1, "c") + Bytes.field(2, contents))
        }
        let cases: [(String, [UInt8])] = [
            ("queries[0].filter", query(Bytes.field(2, []))),
            ("queries[0].sources[0]", query(Bytes.field(1, []))),
            ("queries[0].fusion", query(Bytes.field(3, []))),
            ("queries[0].filter.comparison.path", query(Bytes.field(2, Bytes.field(1, [])))),
            (
                "queries[0].filter.comparison",
                query(Bytes.field(2, Bytes.field(1, Bytes.text(1, "n"))))
            ),
        ]
        for (field, message) in cases {
            let failure = refusal(message)
            #expect(failure?.error.reason == .malformed)
            #expect(failure?.error.field == field)
        }
    }

    @Test("Absent fields have their defaults")
    func defaults() throws {
        let walk = Bytes.request(22, Bytes.text(1, "c") + Bytes.field(2, Bytes.text(1, "a")))
        #expect(
            try walk.withUnsafeBytes { try MessageCodec.decodeRequest($0) }.call
                == .walk(WalkRequest(collection: "c", walks: [Walk(from: ["a"])]))
        )
        let search = Bytes.request(
            21,
            Bytes.text(1, "c") + Bytes.field(2, Bytes.field(1, Bytes.field(2, Bytes.text(1, "w"))))
        )
        #expect(
            try search.withUnsafeBytes { try MessageCodec.decodeRequest($0) }.call
                == .search(SearchRequest(collection: "c", queries: [Query([.matching("w")])]))
        )
        let create = Bytes.request(12, Bytes.text(1, "c") + Bytes.field(2, [0x08, 3]))
        #expect(
            try create.withUnsafeBytes { try MessageCodec.decodeRequest($0) }.call
                == .createCollection(name: "c", CollectionOptions(dimension: 3))
        )
    }
}
