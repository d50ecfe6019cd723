// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneText
import TestSupport
import Testing

@testable import LodestoneStorage

@Suite("Hub table")
struct HubTableTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test(
        "A hub with no arrival number left for a next edge is reported as damaged",
        arguments: [UInt64.max, 1 << 63]
    )
    func lastArrival(arrival: UInt64) throws {
        let path = directory.path + "/store"
        let store = try SQLiteStore(
            directory: path,
            durability: .relaxed,
            analysis: FTS5Analysis(),
            edgesInRow: EdgesInRow(count: 2)
        )
        let options = CollectionOptions(dimension: 0)
        let record = CollectionRecord(number: 1, name: "a", options: options)
        let edges = (0..<5).map { Edge("to", to: DocumentID(trusted: "t\($0)")) }
        let document = Document(id: "hub", edges: edges)
        _ = try store.commit([
            StoredBatch(change: .createCollection(record), requestID: nil, fingerprint: 0),
            StoredBatch(
                change: .rows(
                    RowChange(
                        collection: 1,
                        dimension: 0,
                        words: nil,
                        firstRow: 0,
                        rows: [EncodedRow(document)],
                        vectors: [],
                        vectorChecksum: 0,
                        removed: [],
                        edgeChanges: []
                    )
                ),
                requestID: nil,
                fingerprint: 0
            ),
        ])
        let reader = try store.beginReading()
        defer { reader.end() }
        let row = try #require(try reader.row(0, of: 1))
        let hub = try #require(Hub(row))
        let table = HubTable(
            collection: 1,
            connection: try SQLiteConnection(path: path + "/lodestone.db", isReadOnly: false)
        )
        var header = try table.header(of: hub)
        header.nextArrival = arrival
        try table.write(header, of: hub.number)
        #expect(throws: LodestoneError.self) { try table.header(of: hub) }
        // After a rewrite of all edges, the arrivals are valid and have a next number.
        try table.replace(hub, with: edges)
        #expect(try table.edges(of: hub) == edges)
        #expect(try table.header(of: hub).nextArrival == 5)
        store.close()
    }
}
