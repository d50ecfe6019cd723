// SPDX-License-Identifier: Apache-2.0

/// The vertex id of a document id in a collection's derived indexes: dense, from 0.
///
/// An id that is only the target of an edge has a vertex id, too.
@frozen @usableFromInline
package struct VertexID: DenseID {
    @usableFromInline package let rawValue: UInt32

    @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }
}
