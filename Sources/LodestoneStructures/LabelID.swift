// SPDX-License-Identifier: Apache-2.0

/// The dense number of an edge's label in a collection, from 0.
@frozen @usableFromInline
package struct LabelID: DenseID {
    @usableFromInline package let rawValue: UInt32

    @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }
}
