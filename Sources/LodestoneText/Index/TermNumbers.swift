// SPDX-License-Identifier: Apache-2.0

/// The terms of one dictionary by their numbers in another, each looked up once.
package struct TermNumbers {
    private var source: TextDictionary?
    private var numbers: ContiguousArray<UInt32> = []
    private static let unknown = UInt32.max

    /// Creates a table that knows none.
    package init() {}

    /// The number of a term of `dictionary`, which `find` looks up when it was not asked for yet.
    mutating func number(
        of term: UInt32,
        from dictionary: TextDictionary,
        _ find: () -> UInt32
    ) -> UInt32 {
        if source !== dictionary {
            source = dictionary
            numbers = []
        }
        while numbers.count <= Int(term) { numbers.append(Self.unknown) }
        if numbers[Int(term)] == Self.unknown { numbers[Int(term)] = find() }
        return numbers[Int(term)]
    }
}
