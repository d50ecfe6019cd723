// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStorage

/// The comparison of one derived index with its rows.
protocol IndexCheck {
    /// Compares the index with a row; rows come in ascending order.
    mutating func difference(from row: CheckedRow) -> IndexDifference?

    /// Compares the index as a whole, after all rows.
    ///
    /// - Parameter documentCount: The number of rows; `nil` when some could not be read.
    /// - Returns: The differences, as predicates of sentences whose subject is the index.
    func differences(documentCount: Int?) -> [String]
}

/// A row of the store, for the comparison with derived indexes.
struct CheckedRow {
    let stored: StoredRow
    /// The edges that leave the document, each label and target once; `nil` for an edge with a
    /// label or a target that no index knows.
    let edges: [Adjacency?]
}

/// A difference between a derived index and a row.
struct IndexDifference {
    /// The document, or the row if the document is uncertain.
    let object: String
    /// The predicate of a sentence whose subject is the index.
    let text: String
}
