// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// What tells an edge from others of its source: label and target, in the order of their bytes.
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
