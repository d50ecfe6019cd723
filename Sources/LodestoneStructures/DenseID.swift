// SPDX-License-Identifier: Apache-2.0

/// A dense id, counted from 0: the index of one kind of object in arrays.
///
/// Each kind has its own type, so that the compiler refuses a row where a vertex is expected. In
/// memory and in files an id is its four bytes.
///
/// The members are inlinable; otherwise each use in another module would be a call.
@usableFromInline
package protocol DenseID: BitwiseCopyable, Hashable, Strideable, Sendable, CustomStringConvertible
where Stride == Int {
    /// The number.
    var rawValue: UInt32 { get }

    /// Creates the id with a number.
    init(rawValue: UInt32)
}

extension DenseID {
    /// Creates the id of a position in an array; the position must be below 2³².
    @inlinable package init(_ position: Int) { self.init(rawValue: UInt32(position)) }

    @inlinable package static func == (left: Self, right: Self) -> Bool {
        left.rawValue == right.rawValue
    }

    @inlinable package static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }

    /// The id that comes `count` ids later.
    @inlinable package static func + (id: Self, count: Int) -> Self { Self(Int(id) + count) }

    /// The id that comes `count` ids earlier.
    @inlinable package static func - (id: Self, count: Int) -> Self { Self(Int(id) - count) }

    @inlinable package static func += (id: inout Self, count: Int) { id = id + count }

    @inlinable package func distance(to other: Self) -> Int { Int(other) - Int(self) }

    @inlinable package func advanced(by count: Int) -> Self { self + count }

    @inlinable package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }

    /// The number in decimal digits.
    @inlinable package var description: String { rawValue.description }
}

extension Int {
    /// The position of an id in an array.
    @inlinable package init(_ id: some DenseID) { self.init(id.rawValue) }
}

extension UInt64 {
    /// The number of an id.
    @inlinable package init(_ id: some DenseID) { self.init(id.rawValue) }
}
