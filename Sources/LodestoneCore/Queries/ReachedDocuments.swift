// SPDX-License-Identifier: Apache-2.0

/// The documents that a walk reached, in the order in which it reached them: by depth.
///
/// A collection of `Reached`. An element is created when it is read: creating three strings for
/// each of thousands of documents would take longer than the walk. `id(at:)` and `depth(at:)`
/// create only their value.
///
/// - Complexity: O(1) for an element, apart from the bytes of its ids.
public struct ReachedDocuments: RandomAccessCollection, Sendable {
    /// The documents at which edges leave the starts of the walk.
    package var starts: [DocumentID] = []
    /// The UTF-8 of all ids, one after the other.
    package var idBytes: ContiguousArray<UInt8> = []
    /// Per document, the end of its id in `idBytes`.
    package var idEnds: ContiguousArray<Int> = []
    /// Per document, the number of edges from the nearest start.
    package var depths: ContiguousArray<UInt32> = []
    /// Per document, the other end of the edge: its position in `starts`, or `starts.count` plus
    /// its position in this collection.
    package var parents: ContiguousArray<UInt32> = []
    /// The distinct labels of the edges.
    package var labels: [String] = []
    /// Per document, the position of its edge's label in `labels`.
    package var labelPositions: ContiguousArray<UInt32> = []
    /// Per document, the weight of its edge; empty when all weights are 1.
    package var weights: ContiguousArray<Float> = []
    /// Per document, whether its edge was followed against its direction; empty when none was.
    package var areIncoming: ContiguousArray<Bool> = []

    /// Creates an empty collection.
    public init() {}

    /// Creates a collection of some documents.
    ///
    /// - Complexity: O(documents).
    public init(_ reached: some Sequence<Reached>) {
        let reached = Array(reached)
        var positions: [DocumentID: UInt32] = [:]
        for (position, one) in reached.enumerated() where positions[one.id] == nil {
            positions[one.id] = UInt32(position)
        }
        var starts: [DocumentID: UInt32] = [:]
        for one in reached where positions[one.from] == nil && starts[one.from] == nil {
            starts[one.from] = UInt32(starts.count)
            self.starts.append(one.from)
        }
        var labels = LabelPositions()
        let hasWeights = reached.contains { $0.weight != 1 }
        let hasIncoming = reached.contains(where: \.isIncoming)
        for one in reached {
            idBytes.append(contentsOf: one.id.string.utf8)
            idEnds.append(idBytes.count)
            depths.append(UInt32(clamping: one.depth))
            let position = positions[one.from].map { UInt32(starts.count) + $0 }
            parents.append(position ?? starts[one.from] ?? 0)
            labelPositions.append(labels.position(of: one.label, in: &self.labels))
            if hasWeights { weights.append(one.weight) }
            if hasIncoming { areIncoming.append(one.isIncoming) }
        }
    }

    /// 0.
    public var startIndex: Int { 0 }
    /// The number of documents.
    public var endIndex: Int { idEnds.count }

    /// The document at a position, with the edge that reached it.
    public subscript(position: Int) -> Reached {
        Reached(
            id: id(at: position),
            depth: depth(at: position),
            from: parent(of: position),
            label: labels[Int(labelPositions[position])],
            weight: weights.isEmpty ? 1 : weights[position],
            isIncoming: areIncoming.isEmpty ? false : areIncoming[position]
        )
    }

    /// The id of the document at a position.
    public func id(at position: Int) -> DocumentID {
        DocumentID(trusted: String(decoding: idBytes[idRange(at: position)], as: UTF8.self))
    }

    /// The bytes of the id of the document at a position, in `idBytes`.
    package func idRange(at position: Int) -> Range<Int> {
        (position == 0 ? 0 : idEnds[position - 1])..<idEnds[position]
    }

    /// The number of edges between the document at a position and the nearest start.
    public func depth(at position: Int) -> Int { Int(depths[position]) }

    private func parent(of position: Int) -> DocumentID {
        let parent = Int(parents[position])
        return parent < starts.count ? starts[parent] : id(at: parent - starts.count)
    }
}

/// The positions of known labels, which are compared by their bytes.
private struct LabelPositions {
    private var positions: [[UInt8]: UInt32] = [:]

    mutating func position(of label: String, in labels: inout [String]) -> UInt32 {
        let bytes = Array(label.utf8)
        if let position = positions[bytes] { return position }
        let position = UInt32(labels.count)
        positions[bytes] = position
        labels.append(label)
        return position
    }
}

extension ReachedDocuments: Equatable, ExpressibleByArrayLiteral, CustomStringConvertible {
    /// Compares the documents and their edges.
    public static func == (left: Self, right: Self) -> Bool { left.elementsEqual(right) }

    /// Creates a collection of some documents.
    public init(arrayLiteral elements: Reached...) { self.init(elements) }

    /// The documents as text.
    public var description: String { Array(self).description }
}
