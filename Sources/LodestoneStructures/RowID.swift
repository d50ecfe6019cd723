// SPDX-License-Identifier: Apache-2.0

/// The number of a row, which is one version of a document in its collection.
///
/// Numbers ascend in the order of writing, and are never given twice. A replaced document gets a
/// new row.
package typealias RowID = UInt32
