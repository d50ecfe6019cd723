// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Pages of a scan")
struct ScanPageTests {
    /// The ways of a scan: by rows, by a filter's rows, and in the order of a field.
    private static let ways: [(Filter?, ScanOrder?)] = [
        (nil, nil), (.range(path: ["n"], lower: .init(0), upper: nil), nil),
        (.exists(path: ["m"], true), nil), (nil, ScanOrder(path: ["n"])),
        (nil, ScanOrder(path: ["n"], isDescending: true)),
    ]

    @Test(
        "Pages of a scan end when their bytes are full, without lost or repeated documents",
        arguments: [0, 1, 2, 3, 4]
    )
    func bytes(_ way: Int) async throws {
        let directory = try TemporaryDirectory()
        var limits = Limits.standard
        limits.maxFrameBytes = 400_000
        let engine = try Engine.open(
            directory: directory.path + "/store",
            options: Engine.Options(limits: limits)
        )
        defer { engine.close() }
        _ = try await engine.createCollection(
            "a",
            CollectionOptions(dimension: 0, metadataIndexes: [MetadataIndex("n")])
        )
        // 30 documents take five halves of a frame; small ones are between them.
        let large = String(repeating: "x", count: 25_000)
        for batch in 0..<30 {
            let documents = (0..<20).map { position in
                let number = batch * 20 + position
                return Document(
                    id: DocumentID(stringLiteral: "\(number)"),
                    metadata: [
                        "n": .int(Int64(number)), "m": .string(position == 7 ? large : "small"),
                    ]
                )
            }
            _ = try await engine.index("a", documents)
        }
        let (filter, order) = Self.ways[way]
        var cursor: ScanCursor?
        var ids: [String] = []
        var pages = 0
        repeat {
            let page = try await engine.scan(
                ScanRequest(
                    collection: "a",
                    cursor: cursor,
                    limit: 10_000,
                    filter: filter,
                    order: order
                )
            )
            #expect(!page.documents.isEmpty)
            let bytes = page.documents.reduce(0) { count, document in
                guard case .string(let text)? = document.metadata["m"] else { return count }
                return count + text.utf8.count
            }
            #expect(bytes <= limits.maxFrameBytes / 2)
            ids += page.documents.map(\.id.string)
            cursor = page.nextCursor
            pages += 1
        } while cursor != nil
        let numbers = (0..<600).map(String.init)
        #expect(ids == (order?.isDescending == true ? numbers.reversed() : numbers))
        #expect((4...6).contains(pages))
    }
}
