// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import TestSupport
import Testing

@Suite("Codable types as metadata")
struct CodableTests {
    /// The metadata of a value, and the value decoded from it.
    private func roundTrip<T: Codable>(_ value: T) throws -> (metadata: Metadata, value: T) {
        let document = try Document(id: "a", fields: value)
        return (document.metadata, try document.fields(as: T.self))
    }

    @Test("Codable values return from metadata as they return from JSON")
    func zoo() throws {
        var generator = SeededGenerator(seed: 14)
        for _ in 0..<300 {
            let value = Zoo.Everything(using: &generator)
            let json = try JSONDecoder().decode(
                Zoo.Everything.self,
                from: try JSONEncoder().encode(value)
            )
            let back = try roundTrip(value).value
            #expect(back == value)
            // Dates differ by their last bit in JSON.
            var same = json
            same.seen = back.seen
            #expect(back == same)
        }
    }

    /// Two numbers by names of its own.
    private struct TwoNames: Codable, Equatable {
        struct Name: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        static let names = LookAlikes.all[0]
        var first = 1
        var second = 2

        init() {}

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Name.self)
            first = try fields.decode(Int.self, forKey: Name(stringValue: Self.names.first))
            second = try fields.decode(Int.self, forKey: Name(stringValue: Self.names.second))
        }

        func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: Name.self)
            try fields.encode(first, forKey: Name(stringValue: Self.names.first))
            try fields.encode(second, forKey: Name(stringValue: Self.names.second))
        }
    }

    @Test("Look-alike names stay distinct in structs, and dictionaries refuse them")
    func names() throws {
        let names = TwoNames.names
        let (metadata, back) = try roundTrip(TwoNames())
        #expect(metadata == [names.first: 1, names.second: 2])
        #expect(back == TwoNames())
        let only = Document(id: "a", metadata: [names.second: 2])
        let missing = #expect(throws: LodestoneError.self) { try only.fields(as: TwoNames.self) }
        #expect(missing?.message.contains("no such field") == true)
        #expect(try only.fields(as: [String: Int].self) == [names.second: 2])
        let lossy = #expect(throws: LodestoneError.self) {
            try Document(id: "a", metadata: metadata).fields(as: [String: Int].self)
        }
        #expect(lossy?.reason == .badField && lossy?.message.contains("bytes") == true)
        let inner = Document(id: "a", metadata: ["o": .object(metadata)])
        let innerLoss = #expect(throws: LodestoneError.self) {
            try inner.fields(as: [String: [String: Int]].self)
        }
        #expect(innerLoss?.field == "o")
        #expect(try inner.fields(as: [String: TwoNames].self) == ["o": TwoNames()])
    }

    /// A type with fields of any kind.
    private struct Loose: DocumentFields, Equatable {
        var extra: Value
        var list: [Value] = []
        var table: [String: Value] = [:]
        var none: Value?
        var rest: Metadata = [:]
        static let fields: FieldMap<Loose> = [\.extra: "extra"]
    }

    @Test("Properties of type Value hold any value, in metadata and in JSON")
    func values() throws {
        var random = RandomFilters(seed: 5)
        let names = LookAlikes.all[1]
        for _ in 0..<300 {
            let value = random.value()
            let loose = Loose(
                extra: value,
                list: [value, .object([names.first: value])],
                table: ["x": value],
                rest: [names.first: value, names.second: 1]
            )
            let (metadata, back) = try roundTrip(loose)
            #expect(
                metadata == [
                    "extra": value, "list": .list(loose.list), "table": .object(["x": value]),
                    "rest": .object(loose.rest),
                ]
            )
            #expect(back == loose)
            let encoder = JSONEncoder()
            encoder.nonConformingFloatEncodingStrategy = .convertToString(
                positiveInfinity: "inf",
                negativeInfinity: "-inf",
                nan: "nan"
            )
            let decoder = JSONDecoder()
            decoder.nonConformingFloatDecodingStrategy = .convertFromString(
                positiveInfinity: "inf",
                negativeInfinity: "-inf",
                nan: "nan"
            )
            let json = try encoder.encode(loose)
            #expect(try decoder.decode(Loose.self, from: json) == loose)
        }
        let whole = try roundTrip(["a": 1, "b": 2.0] as Metadata)
        #expect(whole.metadata == ["a": 1, "b": 2.0] && whole.value == whole.metadata)
        #expect(Filter(Loose.self, \.extra == "x") == .equal(path: ["extra"], "x"))
        // Without it the order of an object's members differs from process to process.
        let sorted = JSONEncoder()
        sorted.outputFormatting = .sortedKeys
        #expect(
            String(decoding: try sorted.encode(Value.object(["n": 1.0])), as: UTF8.self)
                == #"{"object":[{"name":"n","value":{"double":1}}]}"#
        )
        for text in [
            "5", "{}", #"{"int":1,"bool":true}"#, #"{"number":1}"#, #"{"int":1.5}"#,
            #"{"object":[{"name":"a","value":{"int":1}},{"name":"a","value":{"int":2}}]}"#,
        ] {
            #expect(throws: DecodingError.self, "\(text)") {
                try JSONDecoder().decode(Value.self, from: Data(text.utf8))
            }
        }
        let missing = #expect(throws: LodestoneError.self) {
            try Document(id: "a", metadata: ["list": []]).fields(as: Loose.self)
        }
        #expect(missing?.field == "extra")
        let noObject = #expect(throws: LodestoneError.self) {
            try Document(id: "a", metadata: ["m": 1]).fields(as: [String: Metadata].self)
        }
        #expect(noObject?.field == "m")
    }

    @Test("Several nested containers of one key are merged")
    func nestedContainers() throws {
        let position = Zoo.Place(lat: 1, lon: 2, tags: ["x", "y"])
        let (metadata, back) = try roundTrip(position)
        #expect(metadata == ["geo": .object(["lat": 1.0, "lon": 2.0]), "tags": ["x", "y"]])
        #expect(back == position)
    }

    @Test("Codable types that are generic over optionals round-trip")
    func genericNil() throws {
        let none = Zoo.Row<Int?>(v: nil, w: nil)
        let (metadata, back) = try roundTrip(none)
        #expect(metadata.isEmpty && back == none)
        let missing = #expect(throws: LodestoneError.self) {
            try Document(id: "a", metadata: ["v": 1]).fields(as: Zoo.Row<Int>.self)
        }
        #expect(missing?.field == "w" && missing?.message.contains("no such field") == true)
    }

    @Test("Numbers of every precision are rounded on reading, and out of range refused")
    func numbers() throws {
        struct Numbers: Codable, Equatable {
            var half: Float16
            var float: Float
            var graphics: CGFloat
        }
        let numbers = Numbers(half: 1.5, float: 0.1, graphics: 0.3)
        #expect(try roundTrip(numbers).value == numbers)
        let infinite = Numbers(half: -.infinity, float: .infinity, graphics: .infinity)
        #expect(try roundTrip(infinite).value == infinite)
        let whole = Document(id: "a", metadata: ["half": 2, "float": 3, "graphics": 4])
        #expect(try whole.fields() == Numbers(half: 2, float: 3, graphics: 4))
        for (name, value) in [("float", 1e300), ("half", 70_000.0), ("float", -1e39)] {
            var document = whole
            document.metadata[name] = .double(value)
            let error = #expect(throws: LodestoneError.self) {
                try document.fields(as: Numbers.self)
            }
            #expect(error?.field == name && error?.code == .invalidArgument)
        }
    }

    @Test("URLs, decimals, data and UUIDs are strings for filters")
    func foundation() throws {
        struct Page: Codable, Equatable {
            var url: URL
            var price: Decimal
            var data: Data
            var id: UUID
        }
        let url = try #require(URL(string: "https://example.org/a?b"))
        let price = try #require(Decimal(string: "12345678901234567890.123456789"))
        let page = Page(url: url, price: price, data: Data([0, 255]), id: UUID())
        let (metadata, back) = try roundTrip(page)
        #expect(back == page)
        #expect(
            metadata == [
                "url": "https://example.org/a?b", "price": "12345678901234567890.123456789",
                "data": "AP8=", "id": .string(page.id.uuidString),
            ]
        )
        #expect(page.id.fieldValue == metadata["id"] && url.fieldValue == metadata["url"])
        // Bytes were a list before.
        let bytes = Document(
            id: "a",
            metadata: metadata.merging(["data": [0, 255]]) { $1 }
        )
        #expect(try bytes.fields() == page)
        for (name, value) in [("price", "1,5"), ("price", "12 apples"), ("data", "?")] {
            var document = bytes
            document.metadata[name] = .string(value)
            let error = #expect(throws: LodestoneError.self) { try document.fields(as: Page.self) }
            #expect(error?.field == name)
        }
    }

    @Test("Encoding that would lose a value is refused", arguments: Loss.allCases)
    fileprivate func losses(_ loss: Loss) throws {
        let error = #expect(throws: LodestoneError.self) { try loss.encode() }
        #expect(error?.code == .invalidArgument)
        #expect(error?.field == loss.rawValue.split(separator: " ").first.map(String.init))
        #expect(error?.object == "p7")
        #expect(error?.message.contains("'p7'") == true)
    }

    /// Values that can't be encoded; the first word is the field.
    fileprivate enum Loss: String, CaseIterable {
        case nilEntry = "b is nil in a dictionary"
        case innerNilEntry = "inner.b is nil in a dictionary inside"
        case nilElement = "list.1 is nil in a list"
        case wrappedNil = "list.0 is a wrapped nil in a list"
        case dateNaN = "seen is no time"
        case farDate = "seen is too far away"
        case decimalNaN = "price is not a number"
        case listAndObject = "x is a list and an object"
        case twoValues = "x is two values"

        func encode() throws {
            switch self {
            case .nilEntry: try make(["a": 1, "b": nil] as [String: Int?])
            case .innerNilEntry: try make(["inner": ["b": nil] as [String: Int?]])
            case .nilElement: try make(["list": [1, nil] as [Int?]])
            case .wrappedNil: try make(["list": [Zoo.Transparent<Int?>(wrappedValue: nil)]])
            case .dateNaN: try make(["seen": Date(timeIntervalSince1970: .nan)])
            case .farDate: try make(["seen": Date(timeIntervalSince1970: 1e15)])
            case .decimalNaN: try make(["price": Decimal.nan])
            case .listAndObject: try make(["x": Both(isList: true)])
            case .twoValues: try make(["x": Both(isList: false)])
            }
        }

        private func make(_ value: some Encodable) throws {
            _ = try Document(id: "p7", fields: value)
        }

        private struct Both: Encodable {
            var isList: Bool
            func encode(to encoder: any Encoder) throws {
                if isList {
                    var list = encoder.unkeyedContainer()
                    try list.encode(1)
                    var object = encoder.container(keyedBy: CodingKeys.self)
                    try object.encode(2, forKey: .isList)
                } else {
                    var single = encoder.singleValueContainer()
                    try single.encode(1)
                    try single.encode(2)
                }
            }
            enum CodingKeys: CodingKey { case isList }
        }
    }
}
