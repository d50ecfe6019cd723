// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

extension RowID: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: UInt32) { self.init(rawValue: value) }
}

extension VertexID: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: UInt32) { self.init(rawValue: value) }
}

extension LabelID: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: UInt32) { self.init(rawValue: value) }
}

extension RowID {
    /// The remainder of the number, by which tests choose some of the rows.
    package static func % (row: RowID, divisor: UInt32) -> UInt32 { row.rawValue % divisor }
}

extension DenseID {
    /// A random id of a range.
    package static func random(
        in range: Range<Self>,
        using random: inout some RandomNumberGenerator
    ) -> Self {
        let numbers = range.lowerBound.rawValue..<range.upperBound.rawValue
        return Self(rawValue: .random(in: numbers, using: &random))
    }
}
