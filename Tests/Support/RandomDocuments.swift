// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Random documents with all parts that a collection may hold.
package enum RandomDocuments {
    private static let strings = [
        "", "x", "hot \"soup\"\n\t\\", "Ünïcode ﷽ 😀", "e\u{301}", "\u{0}\u{1F}\u{7F}\u{2028}",
        "$timestamp", "2026-01-01T00:00:00Z", "null", "1e999",
    ]
    private static let names = [
        "a", "year", "$timestamp", "$double", "$object", "$float32", "id", "text", "lodestone",
        "日本",
    ]
    private static let doubles = [
        0, -0.0, 1, 0.1, .infinity, -.infinity, .pi, .leastNonzeroMagnitude,
        -.greatestFiniteMagnitude, 1e16, 9_007_199_254_740_992, 1e22, 1e23,
    ]

    /// A document whose id is `d` and a number.
    ///
    /// Most have a vector of finite floats, with any value below 2^50.
    package static func document(_ number: Int, dimension: Int) -> Document {
        var document = Document(id: DocumentID(stringLiteral: "d\(number)-\(strings[2])"))
        if dimension > 0, Int.random(in: 0..<4) > 0 {
            document.vector = (0..<dimension).map { _ in float() }
        }
        for name in names.shuffled().prefix(.random(in: 0..<3)) {
            document.text.append(TextField(name: name, text: strings.randomElement() ?? ""))
        }
        document.metadata = metadata(depth: 0)
        for target in 0..<Int.random(in: 0..<4) {
            document.edges.append(
                Edge(
                    names.randomElement() ?? "",
                    to: DocumentID(stringLiteral: "t\(target)"),
                    weight: float(),
                    metadata: Bool.random() ? [:] : metadata(depth: 1)
                )
            )
        }
        return document
    }

    /// A random finite float below 2^50 in size, so that a server accepts the lengths of vectors.
    private static func float() -> Float {
        while true {
            let number = Float(bitPattern: .random(in: 0 ... .max))
            if number.magnitude < 0x1p50 { return number }
        }
    }

    private static func metadata(depth: Int) -> Metadata {
        var metadata: Metadata = [:]
        for name in names.shuffled().prefix(.random(in: 0..<4)) {
            metadata[name] = value(depth: depth)
        }
        return metadata
    }

    private static func value(depth: Int) -> Value {
        switch Int.random(in: 0..<(depth < 3 ? 7 : 5)) {
        case 0: .bool(.random())
        case 1: .int(Int64.random(in: .min ... .max) >> Int64.random(in: 0..<64))
        case 2: .double(doubles.randomElement() ?? 0)
        case 3: .string(strings.randomElement() ?? "")
        case 4:
            .timestamp(
                microseconds: [.min, .max, 0, -1, .random(in: .min ... .max)].randomElement() ?? 0
            )
        case 5: .list((0..<Int.random(in: 0..<3)).map { _ in value(depth: depth + 1) })
        default: .object(metadata(depth: depth + 1))
        }
    }
}
