// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Testing

@Suite("Metadata")
struct MetadataTests {
    /// Two names that `String` takes for one.
    static let pairs = [
        (first: "caf\u{E9}", second: "cafe\u{301}"), ("K", "\u{212A}"), ("\u{8C48}", "\u{F900}"),
    ]

    @Test("Metadata names with different bytes are distinct", arguments: pairs)
    func names(pair: (first: String, second: String)) {
        var metadata: Metadata = [pair.first: 1, pair.second: 2]
        #expect(metadata.count == 2)
        #expect(metadata[pair.first] == 1 && metadata[pair.second] == 2)
        #expect(metadata.keys.contains(pair.first) && metadata.keys.contains(pair.second))
        #expect(metadata.updateValue(3, forKey: pair.first) == 1)
        #expect(metadata[pair.second] == 2)
        metadata[pair.second] = nil
        #expect(!metadata.keys.contains(pair.second))
        #expect(metadata.removeValue(forKey: pair.second) == nil)
        #expect(metadata == [pair.first: 3] && metadata != [pair.second: 3])
        #expect(metadata[pair.second, default: 7] == 7)
        metadata.merge([pair.second: 4, pair.first: 5]) { _, new in new }
        #expect(metadata == [pair.first: 5, pair.second: 4])
        #expect(metadata.filter { $0.value == 4 } == [pair.second: 4])
        let twice = [(pair.first, Value.int(1)), (pair.second, 2), (pair.first, 3)]
        #expect(Metadata(twice) { old, _ in old } == [pair.second: 2, pair.first: 1])
    }

    @Test("Metadata behaves like a dictionary")
    func dictionary() {
        var metadata = Metadata()
        #expect(metadata.isEmpty && metadata == [:] && metadata.description == "[:]")
        metadata["year"] = 1999
        metadata["n", default: 0] = 5
        #expect(metadata.count == 2 && metadata.keys.sorted() == ["n", "year"])
        #expect(metadata.values.contains(1999))
        var fields: [String: Value] = [:]
        for (name, value) in metadata { fields[name] = value }
        #expect(fields == ["year": 1999, "n": 5] && Metadata(fields) == metadata)
        #expect(Metadata(uniqueKeysWithValues: metadata.map { ($0.key, $0.value) }) == metadata)
        #expect(metadata.first { $0.value == 5 }?.key == "n")
        #expect(metadata.description == #"["n": int(5), "year": int(1999)]"#)
        metadata.removeAll()
        #expect(metadata.isEmpty)
    }

    @Test("Metadata, documents and requests are equal only when their bytes are", arguments: pairs)
    func equality(pair: (first: String, second: String)) throws {
        let (first, second) = (pair.first, pair.second)
        func areApart<T: Equatable>(_ make: (String) -> T) -> Bool {
            make(first) == make(first) && make(first) != make(second)
        }
        #expect(areApart { Value.string($0) })
        #expect(areApart { Value.list([.string($0)]) })
        #expect(areApart { Value.object([$0: 1]) })
        #expect(areApart { Document(id: "a", text: $0) })
        #expect(areApart { Document(id: "a", text: [TextField(name: $0, text: "")]) })
        #expect(areApart { Document(id: "a", metadata: [$0: 1]) })
        #expect(areApart { Document(id: "a", edges: [Edge($0, to: "b")]) })
        #expect(areApart { Filter.and([.equal(path: ["a", $0], 1)]) })
        #expect(areApart { Filter.exists(path: [$0], true) })
        #expect(areApart { Filter.not(.oneOf(path: [$0], [1])) })
        #expect(areApart { Filter.or([.contains(path: [$0], 1)]) })
        #expect(areApart { Filter.range(path: [$0], lower: .init(1), upper: nil) })
        #expect(areApart { MetadataIndex(path: [$0]) })
        #expect(areApart { TextFieldOptions($0) })
        #expect(areApart { ScanOrder(path: [$0]) })
        #expect(areApart { FacetRequest(path: [$0], limit: 1) })
        #expect(areApart { Facet(path: [$0], values: [], distinctValues: 0) })
        #expect(areApart { Highlight(fields: [$0]) })
        #expect(areApart { HighlightedField(field: $0, fragments: []) })
        #expect(areApart { Walk(from: ["a"], labels: [$0]) })
        #expect(
            areApart {
                Reached(id: "a", depth: 1, from: "b", label: $0, weight: 1, isIncoming: false)
            }
        )
        #expect(Set([Value.string(first), .string(second), .string(first)]).count == 2)
        #expect(Set([MetadataIndex(path: [first]), MetadataIndex(path: [second])]).count == 2)
    }

    @Test("Metadata values are equal by type and content")
    func values() {
        let all: [Value] = [
            true, false, 1, 0, 1.0, 0.0, "", "1", .timestamp(microseconds: 1), [], [1], [1.0],
            .object([:]), .object(["a": 1]), .object(["a": 1.0]),
        ]
        for (position, value) in all.enumerated() {
            #expect(all.indices.filter { all[$0] == value } == [position])
        }
        #expect(Set(all + all).count == all.count)
    }
}
