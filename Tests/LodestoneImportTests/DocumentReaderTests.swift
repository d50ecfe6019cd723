// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneImport
import TestSupport
import Testing

@Suite("Document reader")
struct DocumentReaderTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func read(
        _ text: String,
        mapping: DocumentMapping = DocumentMapping(),
        by count: Int = 1_000
    ) throws -> ImportBatch {
        let path = try scratch.file("docs.jsonl", text)
        return try drain(DocumentReader(path: path, mapping: mapping), by: count)
    }

    @Test("Strings are text, other values are metadata, and null is left out by default")
    func defaultMapping() throws {
        let batch = try read(
            #"{"id":"a","title":"T","year":1999,"ok":true,"r":2.5,"tags":["x",1],"o":{"p":-1},"n":null}"#
        )
        #expect(batch.badLines.isEmpty)
        #expect(
            batch.documents == [
                Document(
                    id: "a",
                    text: [TextField(name: "title", text: "T")],
                    metadata: [
                        "year": 1999, "ok": true, "r": 2.5, "tags": ["x", 1],
                        "o": .object(["p": -1]),
                    ]
                )
            ]
        )
    }

    @Test("Named text fields come in the order of the mapping, and lists of strings are joined")
    func namedText() throws {
        let batch = try read(
            #"{"key":7,"lexname":"noun.food","definition":"a dish","words":["soup","broth"]}"#,
            mapping: DocumentMapping(id: "key", text: ["words", "definition", "absent"])
        )
        let document = try #require(batch.documents.first)
        #expect(document.id == "7")
        #expect(
            document.text == [
                TextField(name: "words", text: "soup, broth"),
                TextField(name: "definition", text: "a dish"),
            ]
        )
        #expect(document.metadata == ["lexname": "noun.food"])
    }

    @Test("Look-alike field names are distinct fields", arguments: LookAlikes.all)
    func names(pair: LookAlikes) throws {
        let (first, second) = (pair.first, pair.second)
        let line =
            "{\"id\":\"a\",\"\(first)\":\"alpha\",\"\(second)\":\"beta\","
            + "\"o\":{\"\(first)\":1,\"\(second)\":2}}"
        let object = Value.object([first: 1, second: 2])
        let (one, other) = (
            TextField(name: first, text: "alpha"), TextField(name: second, text: "beta")
        )
        var batch = try read(line)
        #expect(batch.badLines.isEmpty)
        #expect(
            batch.documents == [Document(id: "a", text: [one, other], metadata: ["o": object])]
        )
        // Only the named one is text, or the id.
        batch = try read(line, mapping: DocumentMapping(text: [second]))
        #expect(
            batch.documents == [
                Document(id: "a", text: [other], metadata: [first: "alpha", "o": object])
            ]
        )
        batch = try read(line, mapping: DocumentMapping(id: first, text: []))
        #expect(
            batch.documents == [
                Document(id: "alpha", metadata: ["id": "a", second: "beta", "o": object])
            ]
        )
        #expect(try read(line, mapping: DocumentMapping(text: [])).documents.count == 1)
        let twice = try read("{\"id\":\"a\",\"\(first)\":1,\"\(first)\":2}")
        #expect(twice.badLines.map(\.reason) == ["the field '\(first)' occurs twice"])
    }

    @Test("Look-alike field names are counted apart, also in a resumed import")
    func counts() throws {
        let (first, second) = (LookAlikes.all[0].first, LookAlikes.all[0].second)
        let path = try scratch.file(
            "docs.jsonl",
            "{\"id\":\"a\",\"\(first)\":1}\n{\"id\":\"b\",\"\(first)\":1,\"\(second)\":\"t\"}\n"
        )
        var reader = try DocumentReader(path: path)
        let fields = try #require(try reader.next(9)?.fields)
        #expect(fields.lines == [ByteString(first): 2, ByteString(second): 1])
        #expect(fields.impliedText == [ByteString(second)])
        let subject = { (text: String) throws -> ImportState.Subject in
            try ImportState.Subject(address: "", collection: "c", input: path, settings: [text])
        }
        var state = ImportState(subject: try subject(first), collectionNumber: 1, batchSize: 1)
        state.fields = fields
        state.throughLine = 2
        try state.save(ImportState.path(besides: path))
        let saved = ImportState.load(
            ImportState.path(besides: path),
            subject: try subject(first)
        )
        #expect(saved == state && saved?.fields.lines == fields.lines)
        // Lines become something else with other names of texts.
        let other = ImportState.load(
            ImportState.path(besides: path),
            subject: try subject(second)
        )
        #expect(other == nil)
    }

    @Test("A list of numbers under a look-alike of the vector's name is metadata")
    func vectorName() throws {
        let vector = DocumentMapping(text: [], vector: "caf\u{E9}")
        let batch = try read("{\"id\":\"a\",\"cafe\u{301}\":[1,2]}", mapping: vector)
        #expect(batch.documents == [Document(id: "a", metadata: ["cafe\u{301}": [1, 2]])])
    }

    @Test("A list under 'vector' is the vector")
    func inlineVector() throws {
        let batch = try read(#"{"id":"a","vector":[1,-0.5,2e-3]}"#)
        #expect(batch.documents.first?.vector == [1, -0.5, 0.002])
    }

    @Test(
        "A bad line is reported with its number and reason, and other lines are kept",
        arguments: [
            (#"{"id":"b""#, "',' or '}'"),
            (#"{"id":"b"} x"#, "the end of the line"),
            (#"["b"]"#, "expected a JSON object"),
            (#"{"title":"b"}"#, "'id', which is the id, is missing"),
            (#"{"id":1.5}"#, "a string or a whole number"),
            (#"{"id":""}"#, "empty"),
            (#"{"id":"b\u0000"}"#, "NUL"),
            (#"{"id":"b","id":"c"}"#, "occurs twice"),
            (#"{"id":"b","x":01}"#, "leading zero"),
            (#"{"id":"b","x":1e999}"#, "out of range"),
            (#"{"id":"b","x":NaN}"#, "expected a value"),
            (#"{"id":"b","x":[null]}"#, "null in a list"),
            (#"{"id":"b","x":"\ud800"}"#, "surrogate"),
            (#"{"id":"b","x":"\q"}"#, "unknown escape"),
            (#"{"id":"b","vector":[1,"2"]}"#, "element 1 of the vector is a string"),
            (#"{"id":"b","vector":[1e39]}"#, "element 0 of the vector is out of range"),
            (#"{"id":"b","x":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}"#, "deeper than a server takes"),
            (#"{"id":"b","x":9223372036854775808}"#, "beyond the whole numbers"),
        ]
    )
    func badLine(_ line: String, _ reason: String) throws {
        let batch = try read("{\"id\":\"a\"}\n\(line)\n{\"id\":\"c\"}\n")
        #expect(batch.documents.map(\.id) == ["a", "c"])
        #expect(batch.lines == [1, 3])
        let bad = try #require(batch.badLines.first)
        #expect(bad.line == 2)
        #expect(bad.file == "\(scratch.path)/docs.jsonl")
        #expect(bad.reason.contains(reason))
    }

    @Test("Bytes that are not UTF-8 make only their line bad")
    func invalidUTF8() throws {
        let lines =
            Array("{\"id\":\"a\"}\n{\"id\":\"".utf8) + [0xFF] + Array("\"}\n{\"id\":\"c\"}".utf8)
        let path = try scratch.file("docs.jsonl", lines)
        let batch = try drain(DocumentReader(path: path))
        #expect(batch.documents.map(\.id) == ["a", "c"])
        #expect(batch.badLines.map(\.line) == [2])
    }

    @Test("CRLF, blank lines, a byte order mark and a missing last newline change nothing")
    func lineEnds() throws {
        let batch = try read("\u{FEFF}{\"id\":\"a\"}\r\n\r\n  \n{\"id\":\"b\"}")
        #expect(batch.documents.map(\.id) == ["a", "b"])
        #expect(batch.lines == [1, 4])
        #expect(batch.badLines.isEmpty)
    }

    @Test("Text keeps every scalar, plain or escaped")
    func unicode() throws {
        let batch = try read(#"{"id":"é","t":"naïve 🦊 日本","u":"\u00e9\ud83e\udd8a\n\"\\\/"}"#)
        let document = try #require(batch.documents.first)
        #expect(document.id == "é")
        #expect(document.text.map(\.text) == ["naïve 🦊 日本", "é🦊\n\"\\/"])
    }

    @Test("Integers stay exact up to 64 bits, and decimals round as in Swift")
    func numbers() throws {
        let batch = try read(
            #"{"id":"a","x":[9223372036854775807,-9223372036854775808,9223372036854775808.0,"#
                + #"0.1,123456.789e-30,179769313486231570000e288,0.30000000000000004441]}"#
        )
        #expect(
            batch.documents.first?.metadata["x"]
                == .list([
                    .int(.max), .int(.min), .double(9_223_372_036_854_775_808), .double(0.1),
                    .double(123456.789e-30), .double(179769313486231570000e288),
                    .double(0.30000000000000004441),
                ])
        )
    }

    @Test("A compressed file reads like the plain file", arguments: [1, 7, 1_000])
    func zstandard(_ count: Int) throws {
        let lines = (0..<5_000).map { "{\"id\":\($0),\"t\":\"number \($0)\"}" }
        let plain = try scratch.file("docs.jsonl", lines.joined(separator: "\n"))
        let documents = try drain(DocumentReader(path: plain), by: count).documents
        guard let packed = try scratch.compressed(plain) else { return }
        #expect(try drain(DocumentReader(path: packed), by: count).documents == documents)
        #expect(documents.count == 5_000)
    }

    @Test("A truncated or damaged compressed file is refused")
    func damagedZstandard() throws {
        let text = (0..<5_000).map { "{\"id\":\($0)}" }.joined(separator: "\n")
        guard let packed = try scratch.compressed(try scratch.file("docs.jsonl", text)) else {
            return
        }
        let bytes = try bytes(of: packed)
        let cut = try scratch.file("cut.jsonl.zst", bytes.dropLast(10))
        #expect(throws: LodestoneError.self) { try drain(DocumentReader(path: cut)) }
        let other = try scratch.file("other.jsonl.zst", "{\"id\":1}\n")
        #expect(throws: LodestoneError.self) { try drain(DocumentReader(path: other)) }
    }

    @Test("A repeated id in a batch is reported, and its later line is kept")
    func repeatedID() throws {
        let batch = try read("{\"id\":1,\"t\":\"old\"}\n{\"id\":2}\n{\"id\":1,\"t\":\"new\"}\n")
        #expect(batch.documents.map(\.id) == ["1", "2"])
        #expect(batch.documents.first?.text.first?.text == "new")
        #expect(batch.lines == [3, 2])
        #expect(batch.badLines.map(\.line) == [1])
        #expect(batch.badLines.first?.reason.contains("line 3") == true)
    }

    @Test("A reader that skips lines continues with the right line and vector")
    func skip() throws {
        let text = (0..<10).map { "{\"id\":\($0)}" }.joined(separator: "\n\n")
        let path = try scratch.file("docs.jsonl", text)
        let rows: [Float] = (0..<20).map { $0 % 2 == 0 ? Float($0 / 2) : 1 }
        let matrix = try scratch.file("docs.f32", bytes(rows))
        var reader = try DocumentReader(
            path: path,
            vectors: try VectorFile(path: matrix, dimension: 2)
        )
        try reader.skip(throughLine: 6)
        let batch = try #require(try reader.next(2))
        #expect(batch.documents.map(\.id) == ["3", "4"])
        #expect(batch.documents.map(\.vector) == [[3, 1], [4, 1]])
        #expect(batch.startsAfterLine == 6)
        #expect(batch.endsAtLine == 9)
    }

    @Test("Row i of a vector file belongs to line i, good or bad")
    func badLinesUseTheirRow() throws {
        let path = try scratch.file("docs.jsonl", "{\"id\":0}\nbroken\n{\"id\":2}\n")
        let matrix = try scratch.file("docs.f32", bytes([0, 1, 2]))
        let vectors = try VectorFile(path: matrix, dimension: 1)
        let batch = try drain(DocumentReader(path: path, vectors: vectors))
        #expect(batch.documents.map(\.vector) == [[0], [2]])
    }

    @Test("Lines without a vector row are bad, and rows without a line end the import")
    func rowsAndLines() throws {
        let path = try scratch.file("docs.jsonl", "{\"id\":0}\n{\"id\":1}\n")
        let few = try VectorFile(path: try scratch.file("few.f32", bytes([0])), dimension: 1)
        let batch = try drain(DocumentReader(path: path, vectors: few))
        #expect(batch.documents.count == 1)
        #expect(batch.badLines.first?.reason.contains("row 1") == true)
        let many = try VectorFile(
            path: try scratch.file("many.f32", bytes([0, 1, 2])),
            dimension: 1
        )
        #expect(throws: LodestoneError.self) {
            try drain(DocumentReader(path: path, vectors: many))
        }
    }

    @Test("A missing file and a directory are refused")
    func missing() {
        let missing = failure { _ = try DocumentReader(path: "\(scratch.path)/none") }
        #expect(missing?.code == .notFound)
        #expect(missing?.message.contains("none") == true)
        #expect(failure { _ = try DocumentReader(path: scratch.path) }?.code == .invalidArgument)
    }

    @Test("An empty file has no documents")
    func empty() throws {
        #expect(try read("").documents.isEmpty)
        #expect(try read("\n\n").documents.isEmpty)
    }
}
