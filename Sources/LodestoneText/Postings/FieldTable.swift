// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// The numbers of the fields in which documents of an index have text: declared fields first, then
/// others in the order of their first use.
///
/// Names are compared by their bytes.
///
/// Threading: any thread; a lock is held for a moment.
final class FieldTable: Sendable {
    /// The common number of all fields after the first 127.
    static let last = 127

    /// The number of declared fields.
    let declaredCount: Int
    private struct State {
        var names: [ByteString]
        var numbers: [ByteString: Int]
    }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - declared: The number of declared fields.
    ///   - names: The declared names, then those of a base.
    init(declared: Int, _ names: [ByteString]) {
        declaredCount = declared
        // Only a damaged base has equal names. The first of them counts.
        let numbers = Dictionary(zip(names, 0...)) { first, _ in first }
        state = Mutex(State(names: names, numbers: numbers))
    }

    /// The number of slots, which are scored separately: one per declared field, and one for all
    /// others.
    var slotCount: Int { declaredCount + 1 }

    /// The slot in which a field is counted.
    func slot(of number: Int) -> Int { min(number, declaredCount) }

    /// All names, by their numbers.
    var all: [ByteString] { state.withLock { $0.names } }

    /// The number of a known field; `nil` for an unknown one.
    func number(of name: ByteString) -> Int? { state.withLock { $0.numbers[name] } }

    /// The number of a field; a new field is added.
    func add(_ name: ByteString) -> Int {
        state.withLock { state in
            if let number = state.numbers[name] { return number }
            guard state.names.count < Self.last else { return Self.last }
            state.names.append(name)
            state.numbers[name] = state.names.count - 1
            return state.names.count - 1
        }
    }

    /// This table's numbers of another table's fields; `nil` when they are the same.
    func numbers(from other: FieldTable) -> [Int]? {
        let (others, own) = (other.all, all)
        if own.starts(with: others) { return nil }
        return others.map { add($0) }
    }
}

/// The tables of the numbers in an index's postings.
struct TextTables: Sendable {
    let dictionary: TermDictionary
    let classes: FieldNormTable
    let fields: FieldTable

    /// Whether numbers have the same meaning in both.
    @inline(__always)
    func isSame(as other: TextTables) -> Bool { dictionary === other.dictionary }
}
