// SPDX-License-Identifier: Apache-2.0

/// The position of a word: the field's number in the upper bits, the word's offset in the field in
/// the lower ones.
///
/// So words of different fields never have consecutive positions.
enum Position {
    static let bits: UInt32 = 23
    static let offsetMask: UInt32 = 1 << bits - 1

    @inline(__always)
    static func field(_ position: UInt32) -> Int { Int(position >> bits) }

    /// A position with a new number of its field.
    static func renumbered(_ position: UInt32, _ fields: [Int]?) -> UInt32 {
        guard let fields else { return position }
        let field = Self.field(position)
        let number = field < fields.count ? fields[field] : FieldTable.last
        return UInt32(number) << bits | position & offsetMask
    }
}
