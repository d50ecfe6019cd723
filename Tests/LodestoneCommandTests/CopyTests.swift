// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneImport
import TestSupport
import Testing

/// Collections that are exported and imported under another name, and compared bit by bit with the
/// written documents: not by their dumps, which could both lack the same.
@Suite("Export and import of collections", .timeLimit(.minutes(5)))
struct CopyTests {
    /// Every strategy with every metric, every quantization, and every option of the text.
    private static let shapes: [(name: String, options: CollectionOptions)] = {
        var strategies: [(String, VectorIndexStrategy)] = [
            ("flat", .flatScan), ("lsh", .lsh(LSHOptions(tables: 3, hyperplanes: 4, probes: 5))),
        ]
        for quantization in VectorQuantization.allCases {
            for isInline in [false, true] {
                let options = HNSWOptions(
                    m: 7,
                    efConstruction: 33,
                    efSearch: 21,
                    quantization: quantization
                )
                strategies.append(
                    (
                        "hnsw-\(quantization)-\(isInline)",
                        .hnsw(inlineIndexing: isInline, options)
                    )
                )
            }
        }
        var shapes: [(String, CollectionOptions)] = []
        for metric in Metric.allCases {
            for (name, strategy) in strategies {
                let language = TextLanguage.allCases[shapes.count % TextLanguage.allCases.count]
                let options = CollectionOptions(
                    dimension: 5,
                    metric: metric,
                    vectorStrategy: strategy,
                    text: TextOptions(
                        fields: [
                            TextFieldOptions("title", weight: 2.1), TextFieldOptions("日本"),
                        ],
                        k1: 0.1 + 0.2,
                        b: .leastNonzeroMagnitude,
                        exactWeight: 0,
                        language: language,
                        keepsStopWords: shapes.count % 2 == 0
                    ),
                    metadataIndexes: [
                        MetadataIndex("year"), MetadataIndex(path: ["a.b", "\"c\"", " "]),
                    ]
                )
                shapes.append(("\(metric)-\(name)", options))
            }
        }
        shapes.append(("plain", CollectionOptions(dimension: 0)))
        shapes.append(("fts5", CollectionOptions(dimension: 5, textStrategy: .fts5)))
        return shapes
    }()

    @Test("An exported and imported collection equals the first, in documents and options")
    func everything() async throws {
        let server = try await TestServer.start()
        let client = try await LodestoneClient.connect(to: server.address)
        for (name, options) in Self.shapes {
            let written = try Self.documents(options)
            try await client.createCollection(name, options)
            let first = client.collection(name)
            for start in stride(from: 0, to: written.count, by: 40) {
                try await first.indexMany(Array(written[start..<min(start + 40, written.count)]))
            }
            let dump = "\(server.scratch.path)/\(name).jsonl"
            let exported = try await server.lodestone("export", name, dump)
            #expect(exported.status == 0, "\(name): \(exported.errors)")
            let imported = try await server.lodestone("import", "\(name).2", dump)
            #expect(imported.status == 0, "\(name): \(imported.output)\(imported.errors)")
            #expect(!imported.output.contains("left out"), "\(name): \(imported.output)")
            let second = client.collection("\(name).2")
            let expected = Set(written.map(Bits.init))
            for collection in [first, second] {
                var found: Set<Bits> = []
                for try await document in collection.documents() { found.insert(Bits(document)) }
                let unlike = found.symmetricDifference(expected)
                #expect(unlike.isEmpty, "\(name): \(unlike.map(\.id))")
            }
            let descriptions = [try await first.describe(), try await second.describe()]
            #expect(descriptions[0].options == options, "\(name)")
            #expect(descriptions[1].options == options, "\(name)")
            #expect(descriptions[0].documents == descriptions[1].documents)
            #expect(descriptions[0].vectors == descriptions[1].vectors)
            #expect(descriptions[0].edges == descriptions[1].edges)
        }
        await client.close()
    }

    /// Ids that files, JSON, terminals or Swift's strings could treat as something else.
    private static let ids: [String] = [
        "日本語の文書", "العربية", "हिन्दी", "Ελληνικά", "русский", "한국어", "ไทย", "עברית", "é",
        "e\u{301}", "\u{212B}", "\u{C5}", "😀🏳️‍🌈", "a b", " ", "\t", "a\nb", "\r\n", "\"", "\\",
        "\u{1}",
        "\u{7F}", "\u{2028}\u{2029}", "\u{FEFF}", "\u{10FFFF}", "../../etc/passwd", "{", "[1]",
        "null", "0", "-0", "1e5", "$timestamp", "lodestone", "id",
        String(repeating: "x", count: 512), String(repeating: "語", count: 170),
    ]

    /// Documents of odd ids with values at the ends of their kinds, and random ones.
    private static func documents(_ options: CollectionOptions) throws -> [Document] {
        let tiny = Float.leastNonzeroMagnitude
        let vectors: [[Float]] =
            [
                [-0.0, tiny, 1, -tiny, .leastNormalMagnitude], [0x1p62, -0.0, 0, -0.0, tiny],
                [0x1p61, -0x1p61, 0x1p61, -0x1p61, 0], [16_777_215, 0.1, -0.1, .pi, .ulpOfOne],
                [1, tiny * 3, .leastNormalMagnitude / 3, 1e-37, -tiny * 12_345],
            ]
            + (options.metric == .cosine
                ? [] : [[-0.0, 0, -0.0, 0, -0.0], [tiny, -tiny, 0, tiny, 0]])
        let values: Metadata = [
            "least": .int(.min), "most": .int(.max), "minus": -1,
            "small": .double(.leastNonzeroMagnitude),
            "smaller": .double(-.leastNonzeroMagnitude), "zero": .double(-0.0),
            "large": .double(1e308),
            "largest": .double(.greatestFiniteMagnitude), "infinite": .double(-.infinity),
            "whole": .double(9_007_199_254_740_994), "tenth": .double(0.1),
            "before": .timestamp(microseconds: -1), "first": .timestamp(microseconds: .min),
            "last": .timestamp(microseconds: .max), "epoch": .timestamp(microseconds: 0),
            "yes": true, "no": false, "empty": "", "text": "e\u{301}é\u{0}\u{2028}\"\\",
            "list": [
                1, .double(1), "1", true, [], [[-1]], .object([:]), .timestamp(microseconds: 5),
            ],
            "object": .object([
                "a.b": .object(["\"c\"": .object([" ": .list([.object(["x": 1])])])]),
                "$timestamp": "no", "$double": .object(["$double": "Infinity"]),
            ]),
            "日本": .object(["$timestamp": "2026-01-01T00:00:00Z"]), "id": "x", "vector": [1, 2],
        ]
        let targets = try ids.map { try DocumentID($0) }
        var documents: [Document] = []
        for (position, id) in targets.enumerated() {
            var document = Document(id: id)
            if options.dimension > 0, position % 3 != 2 {
                document.vector = vectors[position % vectors.count]
            }
            document.text = [
                TextField(name: "title", text: "Hot soup \(position)\r\n\u{0}é e\u{301}"),
                TextField(name: "日本", text: "東京の天気"), TextField(name: "id", text: ""),
                TextField(name: "$text", text: "x"),
            ].shuffled()
            document.metadata = position % 2 == 0 ? values : ["year": .int(Int64(position))]
            document.edges = [
                Edge("cites", to: targets[(position + 1) % targets.count], weight: -0.0),
                Edge("cites", to: targets[(position + 2) % targets.count], weight: tiny),
                Edge(
                    "日 本\t\n",
                    to: "nowhere\u{1}",
                    weight: -.greatestFiniteMagnitude
                ),
                Edge(String(repeating: "x", count: 256), to: id, weight: 0.1, metadata: values),
            ].shuffled()
            documents.append(document)
        }
        for number in 0..<60 {
            var document = RandomDocuments.document(number, dimension: options.dimension)
            // All elements may be too small for a direction.
            if options.metric == .cosine, document.vector != nil { document.vector?[0] = 1 }
            documents.append(document)
        }
        return documents
    }
}

/// Everything that a document is, as bytes: `==` takes -0.0 for 0 and canonically equivalent texts
/// for the same.
private struct Bits: Hashable {
    let id: String
    private var bytes: [UInt8] = []

    init(_ document: Document) {
        id = document.id.string
        add(document.id.string)
        add(document.vector?.count ?? -1)
        for element in document.vector ?? [] { add(element.bitPattern) }
        add(document.text.count)
        for field in document.text {
            add(field.name)
            add(field.text)
        }
        add(document.metadata)
        add(document.edges.count)
        for edge in document.edges {
            add(edge.label)
            add(edge.target.string)
            add(edge.weight.bitPattern)
            add(edge.metadata)
        }
    }

    static func == (left: Bits, right: Bits) -> Bool { left.bytes == right.bytes }

    func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    private mutating func add(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number) { bytes += $0 }
    }

    private mutating func add(_ text: String) {
        add(text.utf8.count)
        bytes += text.utf8
    }

    private mutating func add(_ metadata: Metadata) {
        var members: [(name: String, value: Value)] = []
        for (name, value) in metadata { members.append((name, value)) }
        members.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        add(members.count)
        for (name, value) in members {
            add(name)
            add(value)
        }
    }

    private mutating func add(_ value: Value) {
        switch value {
        case .bool(let flag):
            bytes += [0, flag ? 1 : 0]
        case .int(let number):
            bytes.append(1)
            add(number)
        case .double(let number):
            bytes.append(2)
            add(number.bitPattern)
        case .string(let text):
            bytes.append(3)
            add(text)
        case .timestamp(let microseconds):
            bytes.append(4)
            add(microseconds)
        case .list(let values):
            bytes.append(5)
            add(values.count)
            for value in values { add(value) }
        case .object(let metadata):
            bytes.append(6)
            add(metadata)
        }
    }
}
