// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire
import Testing

@Suite("Calls")
struct CallTests {
    @Test("Calls of every kind reach the store and return over one connection")
    func everyKind() async throws {
        try await withServer { server in
            let client = try server.connect()
            let created = try client.call(
                .createCollection(name: "papers", CollectionOptions(dimension: 2))
            )
            #expect(created.receipt?.sequenceNumber == 1)
            let documents = [
                Document(
                    id: "a",
                    vector: [1, 0],
                    text: "the red fox",
                    metadata: ["year": 1999],
                    edges: [Edge("cites", to: "b")]
                ),
                Document(id: "b", vector: [0, 1], text: "a blue whale", metadata: ["year": 2001]),
            ]
            let written = try client.call(
                .indexMany(IndexManyRequest(collection: "papers", documents: documents))
            )
            #expect(written.receipt?.inserted == 2)
            #expect(written.receipt?.durability == .relaxed)

            let get = GetRequest(collection: "papers", ids: ["b", "none", "a"])
            #expect(try client.call(.get(get)) == .documents([documents[1], documents[0]]))
            let search = SearchRequest(
                collection: "papers",
                queries: [
                    Query([.near([1, 0.1])], limit: 1), Query([.matching("whale")], limit: 5),
                ]
            )
            guard case .search(let found) = try client.call(.search(search)) else {
                Issue.record("the reply is not that of search")
                return
            }
            #expect(found.results.map { $0.hits.map(\.id) } == [["a"], ["b"]])
            #expect(found.sequenceNumber == 2)
            let walk = WalkRequest(collection: "papers", walks: [Walk(from: ["a"])])
            guard case .walk(let walked) = try client.call(.walk(walk)) else {
                Issue.record("the reply is not that of walk")
                return
            }
            #expect(walked.results.first?.reached.map(\.id) == ["b"])
            let edges = ListEdgesRequest(collection: "papers", id: "b", direction: .incoming)
            guard case .edges(let listed) = try client.call(.listEdges(edges)) else {
                Issue.record("the reply is not that of list_edges")
                return
            }
            #expect(listed.edges.map(\.id) == ["a"])
            #expect(listed.nextCursor == nil)
            let scan = ScanRequest(collection: "papers", limit: 1)
            guard case .page(let page) = try client.call(.scan(scan)) else {
                Issue.record("the reply is not that of scan")
                return
            }
            #expect(page.documents == [documents[0]])
            #expect(page.nextCursor != nil)

            guard
                case .collection(let description) = try client.call(
                    .describeCollection(name: "papers")
                )
            else {
                Issue.record("the reply is not that of describe")
                return
            }
            #expect(description.documents == 2)
            #expect(try client.call(.listCollections) == .collections([description]))
            #expect(try client.call(.ping) == .pong(sequenceNumber: 2))
            let dropped = try client.call(
                .dropMany(DropManyRequest(collection: "papers", ids: ["a"]))
            )
            #expect(dropped.receipt?.dropped == 1)
            #expect(try client.call(.dropCollection(name: "papers")).receipt != nil)
            #expect(
                try client.call(.describeCollection(name: "papers")).error?.reason
                    == .noCollection
            )
        }
    }

    @Test("A write sent twice with one request id has one effect")
    func repeatedWrite() async throws {
        try await withServer { server in
            let client = try server.connect()
            let requestID = RequestID.random()
            let call = Call.createCollection(name: "papers", CollectionOptions(dimension: 0))
            for id in [UInt64(1_000), 1_001] {
                try client.send(Request(id: id, requestID: requestID, call: call).frame())
            }
            let replies = try client.replies(to: [1_000, 1_001])
            #expect(replies[0].receipt?.isRepeated == false)
            #expect(replies[1].receipt?.isRepeated == true)
            #expect(replies[0].receipt?.sequenceNumber == replies[1].receipt?.sequenceNumber)
        }
    }

    @Test("A call with the id of a call in flight is refused")
    func idInUse() async throws {
        try await withServer { server in
            let client = try server.connect()
            let call = Call.createCollection(name: "papers", CollectionOptions(dimension: 0))
            let frame = try Request(id: 9, requestID: .random(), call: call).frame()
            try client.send(frame + frame)
            let replies = try [client.receive(), client.receive()].compactMap { $0?.reply }
            let applied = replies.compactMap(\.receipt).filter { !$0.isRepeated }
            // The first request may end before the second is read; the second then repeats its
            // write.
            let refused = replies.contains { $0.error?.reason == .idInUse }
            let repeated = replies.contains { $0.receipt?.isRepeated == true }
            #expect(applied.count == 1)
            #expect(refused || repeated)
        }
    }
}
