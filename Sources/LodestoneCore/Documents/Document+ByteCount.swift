// SPDX-License-Identifier: Apache-2.0

extension Document {
    /// An upper bound of the document's bytes in a message, which limits batches and pages.
    ///
    /// - Complexity: O(its values and edges); texts are not read.
    package var maxWireByteCount: Int {
        var count = WireSize.overhead + id.string.utf8.count + (vector?.count ?? 0) * 4
        for field in text {
            count += WireSize.overhead * 2 + field.name.utf8.count + field.text.utf8.count
        }
        count += WireSize.of(metadata)
        return edges.reduce(count) { $0 + $1.maxWireByteCount }
    }

    /// The least bytes of the document in a message.
    ///
    /// These are its vector, texts and names, without tags, lengths and metadata.
    ///
    /// - Complexity: O(its fields and edges).
    package var leastWireByteCount: Int {
        var count = id.string.utf8.count + (vector?.count ?? 0) * 4
        for field in text { count += field.name.utf8.count + field.text.utf8.count }
        for edge in edges { count += edge.label.utf8.count + edge.target.string.utf8.count }
        return count
    }
}

extension Edge {
    /// The most bytes of the edge in a message.
    package var maxWireByteCount: Int {
        WireSize.overhead * 3 + label.utf8.count + target.string.utf8.count + WireSize.of(metadata)
    }
}

extension ListedEdge {
    /// An upper bound of the edge's bytes in a message, which limits pages.
    package var maxWireByteCount: Int {
        WireSize.overhead * 3 + label.utf8.count + id.string.utf8.count + WireSize.of(metadata)
    }
}

/// Bounds of the bytes that values take on the wire.
private enum WireSize {
    /// The most bytes of a tag and a length; a number is no longer.
    static let overhead = 12

    static func of(_ metadata: Metadata) -> Int {
        metadata.reduce(overhead) { count, field in
            count + overhead * 2 + field.key.utf8.count + of(field.value)
        }
    }

    static func of(_ value: Value) -> Int {
        switch value {
        case .bool, .int, .double, .timestamp: overhead * 2
        case .string(let text): overhead * 2 + text.utf8.count
        case .list(let elements): elements.reduce(overhead * 2) { $0 + of($1) }
        case .object(let metadata): overhead + of(metadata)
        }
    }
}
