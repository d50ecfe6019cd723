// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A seeded source of calls and replies, with every optional part both there and absent.
struct RandomMessages {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// The next number of SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    mutating func flag() -> Bool { next() & 1 == 1 }
    mutating func maybe<T>(_ make: (inout RandomMessages) -> T) -> T? { flag() ? make(&self) : nil }
    mutating func many<T>(_ most: Int, _ make: (inout RandomMessages) -> T) -> [T] {
        (0..<below(most + 1)).map { _ in make(&self) }
    }

    /// Numbers near the places where their varint grows.
    mutating func number() -> UInt64 { next() >> UInt64(below(64)) }
    mutating func count() -> Int { Int(UInt32(truncatingIfNeeded: number())) }

    mutating func text() -> String {
        let parts = [
            "", "a", "word ", "\0", "é", "日本語", "🦊", String(repeating: "long ", count: 40),
        ]
        return many(4) { parts[$0.below(parts.count)] }.joined()
    }

    mutating func id() -> DocumentID {
        let parts = ["a", "doc-", "é", "🦊", "7"]
        return DocumentID(stringLiteral: "x" + many(6) { parts[$0.below(parts.count)] }.joined())
    }

    mutating func vector(_ dimension: Int) -> [Float] {
        (0..<dimension).map { _ in Float(below(2_000) - 1_000) / 8 }
    }

    mutating func value(_ depth: Int = 0) -> Value {
        switch below(depth < 3 ? 7 : 5) {
        case 0: .bool(flag())
        case 1: .int(Int64(bitPattern: number()))
        case 2: .double(Double(Int64(bitPattern: number())) / 3)
        case 3: .string(text())
        case 4: .timestamp(microseconds: Int64(bitPattern: number()))
        case 5: .list(many(3) { $0.value(depth + 1) })
        default: .object(metadata(depth + 1))
        }
    }

    mutating func metadata(_ depth: Int = 0) -> Metadata {
        Metadata(many(4) { ($0.text(), $0.value(depth)) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func edge() -> Edge {
        Edge(text(), to: id(), weight: flag() ? 1 : Float(below(100)) / 4, metadata: metadata())
    }

    mutating func sourcedEdge() -> SourcedEdge { SourcedEdge(from: id(), edge()) }

    mutating func document(dimension: Int) -> Document {
        Document(
            id: id(),
            vector: maybe { $0.vector(dimension) },
            text: many(2) { TextField(name: $0.text(), text: $0.text()) },
            metadata: metadata(),
            edges: many(2) { $0.edge() }
        )
    }

    mutating func documents() -> [Document] {
        let dimension = 1 + below(20)
        return many(5) { $0.document(dimension: dimension) }
    }
}
