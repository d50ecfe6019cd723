// SPDX-License-Identifier: Apache-2.0

/// The mapping from one dictionary's list numbers to another's; each is looked up once.
package struct PostingsRemapping {
    private var source: TermDictionary?
    private var numbers: ContiguousArray<UInt32> = []
    private static let unknown = UInt32.max

    /// Creates a table without numbers.
    package init() {}

    /// The number of a list of `dictionary`; the first call for the list gets it from `find`.
    mutating func number(
        of list: UInt32,
        from dictionary: TermDictionary,
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
