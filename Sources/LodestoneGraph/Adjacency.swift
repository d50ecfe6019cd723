// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

/// One end's view of an edge: what the edge means, and the node at the other end.
package struct Adjacency: BitwiseCopyable, Sendable, Equatable {
    /// The number of the label, given by the owner of the index.
    package var label: UInt32
    /// The node at the other end.
    package var node: VertexID
    /// The weight of the edge.
    package var weight: Float

    /// Creates a link.
    package init(label: UInt32, node: VertexID, weight: Float = 1) {
        self.label = label
        self.node = node
        self.weight = weight
    }

    /// Whether both are the same edge, seen from the same end.
    @inline(__always)
    func isSameEdge(as other: Adjacency) -> Bool {
        node == other.node && label == other.label
    }

    /// The order of incoming links, and of many outgoing ones: by node, then by label.
    @inline(__always)
    package static func precedes(_ left: Adjacency, _ right: Adjacency) -> Bool {
        left.node != right.node ? left.node < right.node : left.label < right.label
    }
}

/// A node that a walk reached, with the edge that reached it.
package struct Step: Sendable, Equatable {
    /// The node.
    package var node: VertexID
    /// Edges from the nearest start, from 1.
    package var depth: Int
    /// The node on the other side of the edge.
    package var from: VertexID
    /// The number of the edge's label.
    package var label: UInt32
    /// The edge's weight.
    package var weight: Float
    /// Whether the edge was followed against its direction.
    package var isIncoming: Bool

    /// Creates a step.
    package init(
        node: VertexID,
        depth: Int,
        from: VertexID,
        label: UInt32,
        weight: Float,
        isIncoming: Bool
    ) {
        self.node = node
        self.depth = depth
        self.from = from
        self.label = label
        self.weight = weight
        self.isIncoming = isIncoming
    }
}
