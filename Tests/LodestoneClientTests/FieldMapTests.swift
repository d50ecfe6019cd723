// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import Testing

private struct Half: DocumentFields {
    var a: Int
    var b: Int
    var tags: [String] = []
    static let fields: FieldMap<Half> = [\.a: "a", \.tags: "tags"]
}

private struct Unnamed: DocumentFields {
    var a = 1
    static let fields: FieldMap<Unnamed> = [\.a: ""]
}

private struct Twice: DocumentFields {
    var a = 1
    static let fields: FieldMap<Twice> = [\.a: "a", \.a: "b"]
}

private struct Misspelled: DocumentFields {
    var year: Int?
    var title = "t"
    static let fields: FieldMap<Misspelled> = [\.year: "yaer", \.title: "title"]
}

/// Its coding keys rename one field and nest another; defaults aren't encoded.
private struct Renamed: DocumentFields {
    var year = 0
    var lat = 1.5
    static let fields: FieldMap<Renamed> = [\.year: "Jahr", \.lat: "geo.lat"]

    init(year: Int = 0) { self.year = year }

    enum Key: String, CodingKey { case year = "Jahr", geo, lat }
    init(from decoder: any Decoder) throws {}
    func encode(to encoder: any Encoder) throws {
        var outer = encoder.container(keyedBy: Key.self)
        if year != 0 { try outer.encode(year, forKey: .year) }
        var geo = outer.nestedContainer(keyedBy: Key.self, forKey: .geo)
        try geo.encode(lat, forKey: .lat)
    }
}

private struct Flat: DocumentFields {
    var lat = 1.5
    static let fields: FieldMap<Flat> = [\.lat: "lat"]
    private struct Geo: Codable { var geo: [String: Double] }
    init() {}
    init(from decoder: any Decoder) throws {}
    func encode(to encoder: any Encoder) throws { try Geo(geo: ["lat": lat]).encode(to: encoder) }
}

@Suite("Names of properties")
struct FieldMapTests {
    private static let filters: [(String, Filter)] = [
        ("b", Filter(Half.self, \.b == 2)),
        ("b", Filter(Half.self, \.a == 1 || !(\.b >= 2 && \.a < 3))),
        ("b", Filter(Half.self, .isIn(\.b, [1, 2]))),
        ("b", Filter(Half.self, .isIn(\.b, 1...2))),
        ("b", Filter(Half.self, .exists(\.b))),
        ("tags", Filter(Half.self, \.tags.count > 0)),
        ("empty name", Filter(Unnamed.self, \.a == 1)),
        ("twice", Filter(Twice.self, \.a == 1)),
    ]

    @Test(
        "A filter on a property without a name fails its call before anything is sent",
        arguments: filters
    )
    func missing(word: String, filter: Filter) async throws {
        let server = try ScriptedServer()
        let client = try await LodestoneClient.connect(server.configuration())
        let collection = client.collection("c")
        let calls: [() async throws -> Void] = [
            { _ = try await collection.count(filter) },
            { _ = try await collection.scan(filter: .and([.not(filter)])) },
            { _ = try await collection.drop(where: filter) },
            { _ = try await collection.search(Query([.matching("x")], filter: filter)) },
            { for try await _ in collection.documents(where: filter) {} },
        ]
        for call in calls {
            let error = await #expect(throws: LodestoneError.self) { try await call() }
            #expect(error?.code == .invalidArgument && error?.reason == .badField)
            #expect(error?.outcome == .notApplied)
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
        }
        await client.close()
    }

    @Test("A property with another name than its encoding is refused with the right name")
    func misspelled() throws {
        // Nothing can be said of a property that is nil.
        _ = try Document(id: "a", fields: Misspelled(year: nil))
        for _ in 0..<2 {
            let error = #expect(throws: LodestoneError.self) {
                try Document(id: "a", fields: Misspelled(year: 2_020))
            }
            #expect(error?.field == "yaer" && error?.message.contains("'year'") == true)
        }
        let nested = #expect(throws: LodestoneError.self) { try Document(id: "a", fields: Flat()) }
        #expect(nested?.message.contains("'geo.lat'") == true)
        #expect(throws: LodestoneError.self) { try Document(id: "a", fields: Unnamed()) }
        #expect(throws: LodestoneError.self) { try Document(id: "a", fields: Twice()) }
    }

    @Test("Names from coding keys and of absent fields are valid names of properties")
    func renamed() throws {
        #expect(try Document(id: "a", fields: Renamed()).metadata["Jahr"] == nil)
        #expect(try Document(id: "a", fields: Renamed(year: 5)).metadata["Jahr"] == 5)
        #expect(try Document(id: "a", fields: Half(a: 1, b: 1)).metadata["b"] == 1)
    }

    @Test("Document ids from outside are checked by a throwing initializer")
    func ids() {
        for text in ["", "a\0b", String(repeating: "x", count: 513)] {
            let error = #expect(throws: LodestoneError.self) { try DocumentID(text) }
            #expect(error?.field == "id" && error?.code == .invalidArgument)
        }
    }

    @Test("An invalid document id as a literal ends the program with the reason")
    func literals() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent])
        {
            _ = Document(id: "")
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("A document id is empty."))
    }
}
