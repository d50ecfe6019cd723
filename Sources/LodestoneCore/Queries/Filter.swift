// SPDX-License-Identifier: Apache-2.0

/// A condition on a document's metadata, or on its id.
///
/// The tree is closed: every case has one wire form and one evaluator. A comparison with a field
/// that is missing is false, and so is one with a field of a type that can't be compared. `not` of
/// such a comparison is true. Integers and doubles compare by value. A comparison with a list is
/// true when it is true of the list or of one of its elements.
public indirect enum Filter: Sendable {
    /// The field at `path` equals `value`.
    case equal(path: [String], Value)
    /// The field equals one of the values.
    case oneOf(path: [String], [Value])
    /// The field is between the given bounds.
    case range(path: [String], lower: Bound?, upper: Bound?)
    /// The field exists (or, with `false`, does not).
    case exists(path: [String], Bool)
    /// The field is a list with this element, or a string with this part.
    case contains(path: [String], Value)
    /// The document's id is one of these; the metadata is ignored.
    case ids([DocumentID])
    /// Every filter holds; true when there is none.
    case and([Filter])
    /// At least one filter holds; false when there is none.
    case or([Filter])
    /// The filter does not hold.
    case not(Filter)
    /// An invalid filter: a call with it throws the error and sends nothing.
    case invalid(LodestoneError)

    /// One end of a range.
    public struct Bound: Sendable, Equatable {
        /// The value at the end.
        public var value: Value
        /// Whether the end itself is excluded.
        public var isExclusive: Bool

        /// Creates an end.
        public init(_ value: Value, isExclusive: Bool = false) {
            self.value = value
            self.isExclusive = isExclusive
        }
    }
}

extension Filter: Equatable {
    /// Compares the trees, names and strings by their bytes.
    public static func == (left: Filter, right: Filter) -> Bool {
        switch (left, right) {
        case (.equal(let path, let value), .equal(let otherPath, let otherValue)),
            (.contains(let path, let value), .contains(let otherPath, let otherValue)):
            path.haveSameBytes(as: otherPath) && value == otherValue
        case (.oneOf(let path, let values), .oneOf(let otherPath, let otherValues)):
            path.haveSameBytes(as: otherPath) && values == otherValues
        case (
            .range(let path, let lower, let upper),
            .range(let otherPath, let otherLower, let otherUpper)
        ):
            path.haveSameBytes(as: otherPath) && lower == otherLower && upper == otherUpper
        case (.exists(let path, let isThere), .exists(let otherPath, let otherIsThere)):
            path.haveSameBytes(as: otherPath) && isThere == otherIsThere
        case (.ids(let ids), .ids(let otherIDs)): ids == otherIDs
        case (.and(let filters), .and(let otherFilters)),
            (.or(let filters), .or(let otherFilters)):
            filters == otherFilters
        case (.not(let filter), .not(let otherFilter)): filter == otherFilter
        case (.invalid(let error), .invalid(let otherError)): error == otherError
        default: false
        }
    }
}
