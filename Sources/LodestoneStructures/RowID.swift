// SPDX-License-Identifier: Apache-2.0

/// The number of a row, which is one version of a document in its collection.
///
/// Numbers ascend in the order of writing, and are never given twice. A replaced document gets a
/// new row.
@frozen @usableFromInline
package struct RowID: DenseID {
    @usableFromInline package let rawValue: UInt32

    @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The first row of a collection.
    @inlinable package static var first: RowID { RowID(rawValue: 0) }

    /// The largest number, which no row has: it ends the range of all rows.
    @inlinable package static var max: RowID { RowID(rawValue: .max) }
}
