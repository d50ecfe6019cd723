// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The label and target of an edge, which are unique among the edges of its source.
package struct EdgeName: Sendable {
    package let label: String
    package let target: DocumentID

    package init(label: String, target: DocumentID) {
        self.label = label
        self.target = target
    }

    package init(_ edge: Edge) {
        self.init(label: edge.label, target: edge.target)
    }
}

extension EdgeName: Hashable, Comparable {
    package static func == (left: EdgeName, right: EdgeName) -> Bool {
        left.target == right.target && left.label.hasSameBytes(as: right.label)
    }

    package static func < (left: EdgeName, right: EdgeName) -> Bool {
        if left.label.hasSameBytes(as: right.label) { return left.target < right.target }
        return left.label.precedesByBytes(right.label)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(ByteString(label))
        hasher.combine(target)
    }
}
