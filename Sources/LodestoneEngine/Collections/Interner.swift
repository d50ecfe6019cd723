// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// Gives each distinct key a small, dense number, for good.
///
/// Numbers are only ever added, so every state of a collection can share one table: a number that
/// a state does not know yet is one without a row in it.
///
/// Threading: behind a mutex; callers with many keys take it once.
final class Interner<Key: Hashable & Sendable>: Sendable {
    struct Table {
        private var numbers: [Key: UInt32] = [:]
        private(set) var keys: ContiguousArray<Key> = []

        func number(of key: Key) -> UInt32? { numbers[key] }

        /// The key of a number; none only for one read from a damaged base.
        func key(_ number: UInt32) -> Key? {
            number < keys.count ? keys[Int(number)] : nil
        }

        mutating func intern(_ key: Key) -> UInt32 {
            if let number = numbers[key] { return number }
            let number = UInt32(keys.count)
            numbers[key] = number
            keys.append(key)
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

/// A label by its bytes: Unicode's canonical equivalence plays no part.
struct Label: Hashable, Sendable {
    let string: String

    static func == (left: Label, right: Label) -> Bool {
        left.string.utf8.elementsEqual(right.string.utf8)
    }

    func hash(into hasher: inout Hasher) {
        var string = string
        string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
