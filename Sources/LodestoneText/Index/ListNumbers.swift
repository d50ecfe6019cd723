// SPDX-License-Identifier: Apache-2.0

/// The lists of one dictionary by their numbers in another, each looked up once.
package struct ListNumbers {
    private var source: TextDictionary?
    private var numbers: ContiguousArray<UInt32> = []
    private static let unknown = UInt32.max

    /// Creates a table that knows none.
    package init() {}

    /// The number of a list of `dictionary`, which `find` looks up when it was not asked for yet.
    mutating func number(
        of list: UInt32,
        from dictionary: TextDictionary,
        _ find: () -> UInt32
    ) -> UInt32 {
        if source !== dictionary {
            source = dictionary
            numbers = []
        }
        while numbers.count <= Int(list) { numbers.append(Self.unknown) }
        if numbers[Int(list)] == Self.unknown { numbers[Int(list)] = find() }
        return numbers[Int(list)]
    }
}
