// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneImport
import LodestoneJSON
import TestSupport
import Testing

@Suite("Dump")
struct DumpTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private static let description = CollectionDescription(
        name: "papers",
        options: CollectionOptions(
            dimension: 5,
            metric: .dotProduct,
            vectorStrategy: .hnsw(
                inlineIndexing: true,
                HNSWOptions(m: 7, efConstruction: 33, efSearch: 21, quantization: .int4)
            ),
            textStrategy: .postings,
            text: TextOptions(
                fields: [TextFieldOptions("title", weight: 2.5)],
                k1: 1.7,
                b: 0.4,
                exactWeight: 0,
                language: .german,
                keepsStopWords: true
            ),
            metadataIndexes: [MetadataIndex("year"), MetadataIndex(path: ["a.b", "c"])]
        ),
        documents: 3,
        vectors: 0,
        edges: 0,
        sequenceNumber: 7
    )

    @Test(
        "Look-alike names return from a dump, in the order of their bytes",
        arguments: LookAlikes.all
    )
    func names(pair: LookAlikes) throws {
        let document = Document(
            id: "a",
            text: [
                TextField(name: pair.second, text: "x"), TextField(name: pair.first, text: "y"),
            ],
            metadata: [pair.first: 1, pair.second: .object([pair.second: 2, pair.first: 3])]
        )
        let line = JSON(dumped: document).text
        let inOrder = [pair.first, pair.second].map { Array($0.utf8) }
            .sorted { $0.lexicographicallyPrecedes($1) }
        let metadata: Metadata = [pair.first: 1, pair.second: 1]
        let names = JSON(metadata).text.split(separator: "\"").filter { $0.first?.isLetter == true }
        #expect(names.map { Array($0.utf8) } == inOrder)
        let batch = try drain(try DocumentReader(path: try scratch.file("dump.jsonl", line)))
        #expect(batch.badLines.isEmpty && batch.documents == [document])
    }

    @Test("Random documents return from a dump to the last bit", arguments: [true, false])
    func roundTrip(_ isDump: Bool) throws {
        for _ in 0..<20 {
            let documents = (0..<100).map { RandomDocuments.document($0, dimension: 5) }
            var lines = documents.map { isDump ? JSON(dumped: $0).text : JSON($0).text }
            if isDump {
                lines.insert(DumpHeader(Self.description).json.text, at: 0)
                lines.append(DumpHeader.end(documents: 100, sequenceNumber: 7).text)
            }
            let path = try scratch.file("dump.jsonl", lines.joined(separator: "\n"))
            let batch = try drain(try DocumentReader(path: path), by: 7)
            #expect(batch.badLines.isEmpty)
            #expect(batch.documents.count == documents.count)
            for (read, written) in zip(batch.documents, documents) {
                #expect(read == written)
                // -0.0 equals 0, and their bytes differ.
                let texts = [read, written].map { Array(JSON(dumped: $0).text.utf8) }
                #expect(texts[0] == texts[1])
            }
        }
    }

    @Test("Decimals between two floats are rounded once to the nearer float")
    func betweenFloats() throws {
        // 2^24 + 1 lies between two floats, and one digit more decides which is nearer.
        let path = try scratch.file(
            "v.jsonl",
            #"{"id":"a","vector":[16777217.0000000001,16777216.9999999999,16777217,1e-46,7.1e-46]}"#
        )
        let vector = try drain(try DocumentReader(path: path)).documents.first?.vector
        #expect(
            vector == [
                16_777_218, 16_777_216, 16_777_216, 0, .leastNonzeroMagnitude,
            ] as [Float]
        )
    }

    @Test("The header of a dump has every collection option")
    func options() throws {
        let options = [
            Self.description.options,
            CollectionOptions(dimension: 0, textStrategy: .fts5),
            CollectionOptions(
                dimension: 3,
                metric: .euclidean,
                vectorStrategy: .lsh(LSHOptions(tables: 3, hyperplanes: 4, probes: 5)),
                text: TextOptions(language: .none)
            ),
        ]
        for options in options {
            var description = Self.description
            description.options = options
            let path = try scratch.file("dump.jsonl", DumpHeader(description).json.text + "\n")
            let header = try #require(try DumpHeader.read(path))
            #expect(header.options == options)
            #expect(header == DumpHeader(description))
        }
        let lines = try scratch.file("lines.jsonl", "{\"id\":\"a\"}\n")
        #expect(try DumpHeader.read(lines) == nil)
    }

    @Test("A truncated dump or one that lacks lines is refused")
    func cut() throws {
        let header = DumpHeader(Self.description).json.text
        let end = DumpHeader.end(documents: 2, sequenceNumber: 7).text
        let line = JSON(dumped: Document(id: "a")).text
        for content in [[header, line], [header, line, end], [header]] {
            let path = try scratch.file("dump.jsonl", content.joined(separator: "\n"))
            let error = failure { _ = try drain(try DocumentReader(path: path)) }
            #expect(error?.reason == .badFile)
        }
    }

    @Test("A line of a dump is bad under a mapping with --text")
    func namedText() throws {
        let path = try scratch.file("dump.jsonl", JSON(Document(id: "a", text: "x")).text)
        let batch = try drain(
            try DocumentReader(path: path, mapping: DocumentMapping(text: ["title"]))
        )
        #expect(batch.documents.isEmpty)
        #expect(batch.badLines.first?.reason.contains("dump") == true)
    }

    @Test(
        "Typed values are read at every position, and invalid ones make their line bad",
        arguments: [
            (#"{"$timestamp":"1970-01-01T00:00:01Z"}"#, .timestamp(microseconds: 1_000_000)),
            (#"[{"$double":"-Infinity"}]"#, .list([.double(-.infinity)])),
            (#"{"$object":{"$timestamp":"x"}}"#, .object(["$timestamp": "x"])),
            (#"{"$timestamp":"x","y":1}"#, .object(["$timestamp": "x", "y": 1])),
            (#"{"$date":"x"}"#, .object(["$date": "x"])),
            (#"{"$timestamp":"2024-02-30T10:00:00Z"}"#, nil), (#"{"$timestamp":5}"#, nil),
            (#"{"$double":"NaN"}"#, nil), (#"{"$object":1}"#, nil),
            ("18446744073709551615", nil), ("-9223372036854775809", nil),
            ("9223372036854775808", nil), ("[1e3,18446744073709551614]", nil),
            ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
            ("18446744073709551615.0", .double(0x1p64)),
            ("1.8446744073709552e19", .double(0x1p64)),
        ] as [(String, Value?)]
    )
    func values(_ json: String, _ value: Value?) throws {
        let path = try scratch.file("v.jsonl", "{\"id\":\"a\",\"x\":\(json)}\n")
        let batch = try drain(try DocumentReader(path: path))
        #expect(batch.documents.first?.metadata["x"] == value)
        #expect(batch.badLines.isEmpty == (value != nil))
    }

    @Test("Negative zero keeps its sign")
    func negativeZero() throws {
        let path = try scratch.file("v.jsonl", "{\"id\":\"a\",\"x\":-0.0}\n")
        let value = try drain(try DocumentReader(path: path)).documents.first?.metadata["x"]
        guard case .double(let number)? = value else {
            Issue.record("\(String(describing: value))")
            return
        }
        #expect(number.sign == .minus)
    }

    @Test(
        "A file of another format is refused with its name and a tool to convert it",
        arguments: [
            ([0x1F, 0x8B, 8, 0, 0], "gzip", "gunzip"), ([0xFF, 0xFE, 0x7B, 0], "UTF-16", "iconv"),
            ([0x7B, 0, 0x22, 0, 0x69, 0], "UTF-16", "iconv"),
            (Array("PAR1xx".utf8), "Parquet", "pandas"),
            (Array("BZh91".utf8), "bzip2", "bunzip2"), (Array("PK\u{3}\u{4}".utf8), "ZIP", "unzip"),
            (Array("[\n{\"id\":1},\n".utf8), "JSON array", "jq"),
            (Array("  [{\"id\":1}]".utf8), "JSON array", "jq"),
            (Array("{\n \"id\": 1\n}\n".utf8), "several lines", "jq"),
            (Array("id,title\na,b\n".utf8), "CSV", "pandas"),
            (Array("id\ttitle\n".utf8), "CSV", "pandas"),
            (Array("\u{FEFF}[1]".utf8), "JSON array", "jq"),
        ] as [([UInt8], String, String)]
    )
    func formats(_ bytes: [UInt8], _ name: String, _ command: String) throws {
        let path = try scratch.file("docs.jsonl", bytes)
        let error = failure { _ = try drain(try DocumentReader(path: path)) }
        #expect(error?.message.contains(name) == true, "\(String(describing: error))")
        #expect(error?.recovery.contains(command) == true)
    }

    @Test("A byte order mark is skipped, and Zstandard is recognized by its bytes")
    func known() throws {
        let marked = try scratch.file("docs.jsonl", "\u{FEFF}{\"id\":\"a\"}\n")
        #expect(try drain(try DocumentReader(path: marked)).documents.map(\.id) == ["a"])
        let plain = try scratch.file("plain.jsonl", "{\"id\":\"b\"}\n")
        guard let packed = try scratch.compressed(plain) else { return }
        try FileManager.default.moveItem(atPath: packed, toPath: "\(scratch.path)/other.jsonl")
        let read = try drain(try DocumentReader(path: "\(scratch.path)/other.jsonl"))
        #expect(read.documents.map(\.id) == ["b"])
    }

    @Test(
        "The weight of an edge is a finite decimal number",
        arguments: ["0x10", "inf", "nan", "0x1p3", "", " 1", "1 ", "1_0", "١", "1e999"]
    )
    func weights(_ weight: String) throws {
        let path = try scratch.file("edges.tsv", "a\tnear\tb\t\(weight)\nc\tnear\td\t1.5e1\n")
        let batch = try drain(try EdgeReader(path: path))
        #expect(batch.edges.map(\.edge.weight) == [15])
        #expect(batch.badLines.map(\.line) == [1])
    }
}
