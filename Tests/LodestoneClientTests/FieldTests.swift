// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import Testing

private struct Author: Codable, Equatable, Sendable {
    var name: String
    var born: Int?
}

private enum Kind: String, Codable, FieldValue {
    case article, book
}

private struct Paper: DocumentFields, Equatable {
    var year: Int
    var score: Double
    var title: String
    var subtitle: String?
    var tags: [String]
    var isDraft: Bool
    var seen: Date
    var kind: Kind
    var author: Author
    var authors: [Author]

    static let fields: FieldMap<Paper> = [
        \.year: "year", \.score: "score", \.title: "title", \.subtitle: "subtitle", \.tags: "tags",
        \.isDraft: "isDraft", \.seen: "seen", \.kind: "kind", \.author.name: "author.name",
        \.author.born: "author.born",
    ]

    static let example = Paper(
        year: 2_020,
        score: 2,
        title: "Vector search",
        subtitle: nil,
        tags: ["x", "y"],
        isDraft: false,
        seen: Date(timeIntervalSince1970: 1_700_000_000.123456),
        kind: .book,
        author: Author(name: "Ada", born: 1_815),
        authors: [Author(name: "Bob", born: nil)]
    )
}

@Suite("Properties as metadata")
struct FieldTests {
    private static let filters: [(FieldFilter<Paper>, Filter)] = [
        (\.year == 2_020, .equal(path: ["year"], 2_020)),
        (\.year != 2_020, .not(.equal(path: ["year"], 2_020))),
        (\.score > 1, .range(path: ["score"], lower: .init(1.0, isExclusive: true), upper: nil)),
        (\.title <= "b", .range(path: ["title"], lower: nil, upper: .init("b"))),
        (\.tags == "x", .contains(path: ["tags"], "x")),
        (\.subtitle == nil, .exists(path: ["subtitle"], false)),
        (\.subtitle == "s", .equal(path: ["subtitle"], "s")),
        (\.kind == .book, .equal(path: ["kind"], "book")),
        (\.author.name == "Ada", .equal(path: ["author", "name"], "Ada")),
        (.contains(\.title, "search"), .contains(path: ["title"], "search")),
        (.exists(\.author.born), .exists(path: ["author", "born"], true)),
        (.isIn(\.year, [1, 2]), .oneOf(path: ["year"], [1, 2])),
        (
            .isIn(\.year, 2_000..<2_010),
            .and([
                .range(path: ["year"], lower: .init(2_000), upper: nil),
                .range(path: ["year"], lower: nil, upper: .init(2_010, isExclusive: true)),
            ])
        ),
        (
            \.seen < Date(timeIntervalSince1970: 1),
            .range(
                path: ["seen"],
                lower: nil,
                upper: .init(.timestamp(microseconds: 1_000_000), isExclusive: true)
            )
        ),
        (
            \.year >= 2_020 && !(\.tags == "draft") && \.isDraft == false || \.score < 0,
            .or([
                .and([
                    .range(path: ["year"], lower: .init(2_020), upper: nil),
                    .not(.contains(path: ["tags"], "draft")), .equal(path: ["isDraft"], false),
                ]),
                .range(path: ["score"], lower: nil, upper: .init(0.0, isExclusive: true)),
            ])
        ),
    ]

    @Test("Key paths make filters", arguments: filters)
    fileprivate func keyPaths(typed: FieldFilter<Paper>, filter: Filter) {
        #expect(Filter(Paper.self, typed) == filter)
    }

    @Test("Properties become metadata and return from it")
    func roundTrip() throws {
        let document = try Document(id: "p", fields: Paper.example)
        #expect(document.metadata["year"] == 2_020)
        #expect(document.metadata["score"] == .double(2))
        #expect(document.metadata["subtitle"] == nil)
        #expect(document.metadata["seen"] == .timestamp(microseconds: 1_700_000_000_123_456))
        #expect(document.metadata["kind"] == "book")
        #expect(document.metadata["author"] == .object(["name": "Ada", "born": 1_815]))
        #expect(document.metadata["authors"] == [.object(["name": "Bob"])])
        let back = try document.fields(as: Paper.self)
        #expect(abs(back.seen.timeIntervalSince(Paper.example.seen)) < 1e-6)
        var same = back
        same.seen = Paper.example.seen
        #expect(same == Paper.example)
    }

    @Test("Properties that don't fit are refused with their path")
    func errors() throws {
        struct Large: Encodable { var inner = ["n": [UInt64.max]] }
        struct Odd: Encodable { var list: [Double?] = [1, nil] }
        let large = #expect(throws: LodestoneError.self) { try Document(id: "x", fields: Large()) }
        #expect(large?.field == "inner.n.0" && large?.reason == .badField)
        let odd = #expect(throws: LodestoneError.self) { try Document(id: "x", fields: Odd()) }
        #expect(odd?.field?.hasPrefix("list") == true)
        let nan = #expect(throws: LodestoneError.self) {
            try Document(id: "x", fields: ["a": Double.nan])
        }
        #expect(nan?.field == "a")
        let number = #expect(throws: LodestoneError.self) { try Document(id: "x", fields: 5) }
        #expect(number?.reason == .badField)

        var document = try Document(id: "p", fields: Paper.example)
        document.metadata["author"] = .object(["born": 1])
        let missing = #expect(throws: LodestoneError.self) { try document.fields(as: Paper.self) }
        #expect(missing?.field == "author.name" && missing?.object == "p")
        document.metadata["author"] = .object(["name": 5])
        let wrong = #expect(throws: LodestoneError.self) { try document.fields(as: Paper.self) }
        #expect(wrong?.field == "author.name")
        document.metadata["year"] = .double(1.5)
        let fraction = #expect(throws: LodestoneError.self) { try document.fields(as: Paper.self) }
        #expect(fraction?.field == "year")
    }
}
