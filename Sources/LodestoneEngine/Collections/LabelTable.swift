// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Gives each distinct label a small, dense number, which never changes.
///
/// Numbers are only ever added, so all states of a collection can share one table. A number that a
/// state does not know yet has no link in it.
///
/// Threading: behind a mutex; callers with many labels take it once.
final class LabelTable: Sendable {
    struct Table {
        private var numbers = ByteTable()
        /// The labels in the order of their numbers.
        private(set) var labels: [String] = []

        func number(of label: String) -> UInt32? {
            var label = label
            return label.withUTF8 { numbers.number(of: $0) }
        }

        /// The label of a number; `nil` for a number from a damaged base.
        func label(_ number: UInt32) -> String? {
            number < labels.count ? labels[Int(number)] : nil
        }

        mutating func intern(_ label: String) -> UInt32 {
            var bytes = label
            let number = bytes.withUTF8 { numbers.intern($0) }
            if Int(number) == labels.count { labels.append(label) }
            return number
        }
    }

    private let table = Mutex(Table())

    func withTable<T, Failure: Error>(
        _ body: (inout sending Table) throws(Failure) -> sending T
    ) throws(Failure) -> sending T {
        try table.withLock(body)
    }
}
