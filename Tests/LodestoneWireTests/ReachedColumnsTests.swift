// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire
import TestSupport
import Testing

@Suite("Reached documents by columns")
struct ReachedColumnsTests {
    /// The columns of two documents reached from one start, by their field numbers on the wire.
    private static let columns: [(field: Int, bytes: [UInt8])] = [
        (1, [0x61]),
        (2, [0x62, 0x63, 0x64]),
        (3, [1, 2]),
        (4, [2]),
        (5, [0, 0]),
        (6, Array("cites".utf8)),
    ]

    /// A response whose columns are those above, but for some.
    private static func response(_ changed: (field: Int, bytes: [UInt8])...) -> [UInt8] {
        var columns = columns.filter { column in !changed.contains { $0.field == column.field } }
        columns += changed
        let bytes = columns.sorted { $0.field < $1.field }.flatMap { field($0.field, $0.bytes) }
        return [8, 7] + field(22, field(1, field(4, bytes)))
    }

    private static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        let tag = number << 3 | 2
        let head = tag < 128 ? [UInt8(tag)] : [UInt8(tag & 0x7f) | 0x80, UInt8(tag >> 7)]
        return head + [UInt8(bytes.count)] + bytes
    }

    private static func reached(_ bytes: [UInt8]) throws -> [Reached]? {
        let reply = try bytes.withUnsafeBytes { try MessageCodec.decodeResponse($0) }.reply
        guard case .walk(let response) = reply else { return nil }
        return response.results.first.map { Array($0.reached) }
    }

    @Test("Columns become documents, with what absent columns stand for")
    func decoding() throws {
        let first = Reached(
            id: "b",
            depth: 1,
            from: "a",
            label: "cites",
            weight: 1,
            isIncoming: false
        )
        var second = first
        second.id = "cd"
        #expect(try Self.reached(Self.response()) == [first, second])
        second.depth = 2
        second.from = "b"
        second.isIncoming = true
        let deeper = Self.response((4, [1, 1]), (5, [0, 2]), (9, [2]))
        #expect(try Self.reached(deeper) == [first, second])
    }

    @Test(
        "Columns that don't fit each other are refused",
        arguments: [
            (2, [0x62, 0x63]), (2, [0x62, 0x63, 0x64, 0x65]), (2, [0x62, 0, 0x64]),
            (2, [0x62, 0xc3, 0x28]), (2, [0xc3, 0xa9, 0x62]), (3, [3]), (3, [0, 3]), (4, [1]),
            (4, [3]), (4, [1, 2]), (5, [0]), (5, [1, 0]), (5, [6, 0]), (5, [0, 0, 0]),
            (7, [0, 1]), (7, [0]), (8, [0, 0, 128, 63]), (9, []), (9, [0, 0]),
        ] as [(Int, [UInt8])]
    )
    func refusal(field: Int, bytes: [UInt8]) throws {
        #expect(try Self.reached(Self.response())?.count == 2)
        #expect(throws: (any Error).self) {
            try Self.reached(Self.response((field, bytes)))
        }
    }

    @Test("A walk's reply by columns has a third of the bytes, and the same documents")
    func size() throws {
        var random = SeededGenerator(seed: 61)
        let reached = (0..<1_000).map { position in
            Reached(
                id: DocumentID(stringLiteral: "n\(10_000 + position)"),
                depth: position < 10 ? 1 : 2,
                from: position < 10
                    ? "start" : DocumentID(stringLiteral: "n\(10_000 + position / 100)"),
                label: ["hypernym", "holonym"][Int(random.next() % 2)],
                weight: 1,
                isIncoming: false
            )
        }
        var response = WalkResponse(
            results: [WalkResult(reached: reached, edgesFollowed: 5_000)],
            sequenceNumber: 3
        )
        let rows = encoded(Response(id: 1, reply: .walk(response)))
        response.mayUseColumns = true
        let columns = encoded(Response(id: 1, reply: .walk(response)))
        #expect(columns.count <= 9 * reached.count + 100)
        #expect(rows.count >= 28 * reached.count)
        for frame in [rows, columns] {
            guard case .walk(let decoded) = try decodedResponse(frame).reply else {
                Issue.record("not a walk")
                continue
            }
            #expect(decoded.results == response.results)
        }
    }
}
