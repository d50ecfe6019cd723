// SPDX-License-Identifier: Apache-2.0

/// The numbers of one dictionary's lists in another dictionary, each looked up once.
package struct PostingsRemapping {
    private var source: TermDictionary?
    private var numbers: ContiguousArray<UInt32> = []
    private static let unknown = UInt32.max

    /// Creates a table without numbers.
    package init() {}

    /// The number for a list of `dictionary`; `find` looks it up at the first call for this list.
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
