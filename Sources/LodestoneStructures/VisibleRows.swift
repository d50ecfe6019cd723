// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The rows of a version that a call with row security may see, and the word totals of a store that
/// keeps words.
///
/// Threading: any thread; a lock is held for a moment.
package final class VisibleRows: Sendable {
    /// The rows, all existing.
    package let rows: RowSet
    private let totals = Mutex<WordTotals?>(nil)

    package init(_ rows: RowSet) {
        self.rows = rows
    }

    /// The totals of the rows' words, which the first caller computes.
    package func wordTotals<E: Error>(_ compute: () throws(E) -> WordTotals) throws(E)
        -> WordTotals
    {
        if let known = totals.withLock({ $0 }) { return known }
        let computed = try compute()
        totals.withLock { $0 = computed }
        return computed
    }
}

/// The number of documents with words, and of their words.
package struct WordTotals: Sendable {
    package var documents = 0
    package var words = 0

    package init() {}
}
