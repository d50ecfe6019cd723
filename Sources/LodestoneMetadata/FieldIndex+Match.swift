// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The rows that satisfy a filter, as far as an index knows: some do for certain, some may, no
/// others do.
package struct RowCandidates: Sendable {
    /// The rows that satisfy the filter for certain.
    package var certain: RowSet
    /// The rows whose metadata must be read to decide, none of them certain; `nil`: none.
    package var open: RowSet?

    /// The bounds of a filter that no row below `bound` satisfies.
    fileprivate static func none(below bound: Int) -> RowCandidates {
        RowCandidates(certain: RowSet(count: bound), open: nil)
    }

    private var possible: RowSet {
        var possible = certain
        if let open { possible.formUnion(open) }
        return possible
    }

    fileprivate mutating func formIntersection(_ other: RowCandidates) {
        var possible: RowSet?
        if open != nil || other.open != nil {
            possible = self.possible
            possible?.formIntersection(other.possible)
        }
        certain.formIntersection(other.certain)
        settle(possible)
    }

    fileprivate mutating func formUnion(_ other: RowCandidates) {
        var possible = open
        if let more = other.open {
            possible?.formUnion(more)
            possible = possible ?? more
        }
        certain.formUnion(other.certain)
        settle(possible)
    }

    fileprivate mutating func formComplement(in live: RowSet) {
        var rest = live
        rest.subtract(possible)
        certain = rest
    }

    /// Leaves those rows of `possible` open that are not certain.
    private mutating func settle(_ possible: RowSet?) {
        open = possible
        open?.subtract(certain)
        if open?.count == 0 { open = nil }
    }
}

extension FieldIndex {
    /// The rows that satisfy a filter, as far as the index knows.
    ///
    /// A comparison with a field that isn't indexed leaves every row open. A comparison with a long
    /// string, a list or an object leaves the rows open that may be equal. So `and` leaves only
    /// those rows open that its indexed parts let through, and `not` is as exact as the filter that
    /// it negates.
    ///
    /// - Parameters:
    ///   - filter: Any filter.
    ///   - live: The rows that exist.
    ///   - bound: A number above the highest row.
    ///   - rows: Returns the rows of ids.
    ///   - check: Called now and then; throws to end work that takes too long.
    /// - Returns: The bounds among the rows in `live`.
    /// - Throws: The error of `check` or `rows`, or that of an invalid filter.
    /// - Complexity: O(rows that match, and a bit for each row) for each comparison; O(distinct
    ///   values) for a part of a string.
    package func bounds(
        of filter: Filter,
        among live: RowSet,
        bound: Int,
        rows: ([DocumentID]) throws(LodestoneError) -> [UInt32],
        _ check: () throws(LodestoneError) -> Void
    ) throws(LodestoneError) -> RowCandidates {
        var bounds = try unchecked(filter, live, bound, rows, check)
        // Dropped rows are still among the values.
        bounds.certain.formIntersection(live)
        bounds.open?.formIntersection(live)
        if bounds.open?.count == 0 { bounds.open = nil }
        return bounds
    }

    private func unchecked(
        _ filter: Filter,
        _ live: RowSet,
        _ bound: Int,
        _ rows: ([DocumentID]) throws(LodestoneError) -> [UInt32],
        _ check: () throws(LodestoneError) -> Void
    ) throws(LodestoneError) -> RowCandidates {
        try check()
        // The bounds of a filter that no index decides: no row is certain, any row may pass.
        var anything: RowCandidates { RowCandidates(certain: RowSet(count: bound), open: live) }
        switch filter {
        case .and(let filters):
            var bounds = RowCandidates(certain: live, open: nil)
            let known = filters.filter { decides($0) }
            for filter in known {
                bounds.formIntersection(try unchecked(filter, live, bound, rows, check))
            }
            // Parts that no index decides all have these bounds, so one intersection serves for any
            // number of them. That spares thousands of sets of rows.
            if known.count < filters.count { bounds.formIntersection(anything) }
            return bounds
        case .or(let filters):
            var bounds = RowCandidates.none(below: bound)
            let known = filters.filter { decides($0) }
            for filter in known {
                bounds.formUnion(try unchecked(filter, live, bound, rows, check))
            }
            if known.count < filters.count { bounds.formUnion(anything) }
            return bounds
        case .ids(let ids):
            var certain = RowSet(count: bound)
            for row in try rows(ids) { certain.insert(row) }
            return RowCandidates(certain: certain, open: nil)
        case .not(let filter):
            var bounds = try unchecked(filter, live, bound, rows, check)
            bounds.formComplement(in: live)
            return bounds
        case .equal(let path, let value):
            return try comparison(path, live, bound) { (leaf) throws(LodestoneError) in
                leaf.equal(value)
            }
        case .oneOf(let path, let values):
            return try comparison(path, live, bound) { (leaf) throws(LodestoneError) in
                for (place, value) in values.enumerated() {
                    if place % 256 == 255 { try check() }
                    leaf.equal(value)
                }
            }
        case .range(let path, let lower, let upper):
            return try comparison(path, live, bound) { (leaf) throws(LodestoneError) in
                leaf.range(lower, upper)
            }
        case .exists(let path, let isThere):
            var bounds = try comparison(path, live, bound) { (leaf) throws(LodestoneError) in
                leaf.all(.present)
            }
            if !isThere { bounds.formComplement(in: live) }
            return bounds
        case .contains(let path, let value):
            return try comparison(path, live, bound) { (leaf) throws(LodestoneError) in
                leaf.equal(value, in: [.element])
                if case .string(let part) = value { try leaf.strings(with: part, check) }
            }
        case .invalid(let error):
            throw error
        }
    }

    /// Whether the index can decide a part of a filter.
    private func decides(_ filter: Filter) -> Bool {
        switch filter {
        case .equal(let path, _), .oneOf(let path, _), .range(let path, _, _),
            .exists(let path, _), .contains(let path, _):
            number(of: path) != nil
        case .and(let filters), .or(let filters):
            // Without parts, `and` holds for all rows, and `or` for none.
            filters.isEmpty || filters.contains { decides($0) }
        case .not(let filter): decides(filter)
        case .ids, .invalid: true
        }
    }

    private func comparison(
        _ path: [String],
        _ live: RowSet,
        _ bound: Int,
        _ body: (inout LeafMatch) throws(LodestoneError) -> Void
    ) throws(LodestoneError) -> RowCandidates {
        guard let field = number(of: path) else {
            return RowCandidates(certain: RowSet(count: bound), open: live)
        }
        var leaf = LeafMatch(field: field, runs: runs, bound: bound)
        try body(&leaf)
        return leaf.bounds
    }
}

/// The rows of one comparison, gathered key by key.
private struct LeafMatch {
    let field: UInt8
    let runs: [SortedRun]
    let bound: Int
    private var certain: RowSet
    private var open: RowSet?

    init(field: UInt8, runs: [SortedRun], bound: Int) {
        self.field = field
        self.runs = runs
        self.bound = bound
        certain = RowSet(count: bound)
    }

    var bounds: RowCandidates {
        var bounds = RowCandidates(certain: certain, open: open)
        bounds.open?.subtract(certain)
        return bounds
    }

    /// Takes all rows of a space.
    mutating func all(_ space: EncodedKey.Space) {
        let start = EncodedKey(field: field, space).bytes
        for run in runs { take(run, run.places(from: start, to: successor(of: start))) }
    }

    /// Takes the rows with a value.
    mutating func equal(_ value: Value, in spaces: [EncodedKey.Space] = [.single, .element]) {
        switch value {
        case .list, .object:
            // No key stands for lists and objects.
            let compound = EncodedKey(field: field, .compound).bytes
            for run in runs { take(run, run.find(compound).map { $0..<$0 + 1 }, isOpen: true) }
        default:
            for space in spaces {
                guard let key = EncodedKey(field: field, space, value) else { return }
                for run in runs {
                    take(run, run.find(key.bytes).map { $0..<$0 + 1 }, isOpen: key.isCut)
                }
            }
        }
    }

    /// Takes the rows with a value between two ends.
    mutating func range(_ lower: Filter.Bound?, _ upper: Filter.Bound?) {
        if lower == nil && upper == nil { return all(.present) }
        for space in [EncodedKey.Space.single, .element] {
            let first = lower.map { EncodedKey(field: field, space, $0.value) }
            let last = upper.map { EncodedKey(field: field, space, $0.value) }
            // A value that can't be compared is in no range; nor are true and false.
            if first == .some(nil) || last == .some(nil) { return }
            guard let some = (first ?? last) ?? nil, some.bytes[2] != 1 else { return }
            if let first = first ?? nil, let last = last ?? nil, first.bytes[2] != last.bytes[2] {
                return
            }
            var start = some.startOfType.bytes
            var end = some.endOfType.bytes
            if let lower, let key = first ?? nil {
                let isOut = lower.isExclusive || key.isCut
                start = isOut ? key.bytes + [0] : key.bytes
            }
            if let upper, let key = last ?? nil {
                let isOut = upper.isExclusive || key.isCut
                end = isOut ? key.bytes : key.bytes + [0]
            }
            for run in runs {
                take(run, run.places(from: start, to: end))
                for key in [first ?? nil, last ?? nil] {
                    guard let key, key.isCut else { continue }
                    take(run, run.find(key.bytes).map { $0..<$0 + 1 }, isOpen: true)
                }
            }
        }
    }

    /// Takes the rows whose field is a string that contains `part`.
    mutating func strings(with part: String, _ check: () throws(LodestoneError) -> Void)
        throws(LodestoneError)
    {
        guard let some = EncodedKey(field: field, .single, "") else { return }
        let part = Array(part.utf8)
        let start = some.startOfType.bytes
        let end = some.endOfType.bytes
        for run in runs {
            for place in run.places(from: start, to: end) {
                if place % 1_024 == 0 { try check() }
                let key = run.key(place)
                let isCut = key.count == EncodedKey.maxByteCount
                let text = UnsafeBufferPointer(
                    rebasing: key.dropFirst(3).prefix(EncodedKey.maxStringBytes)
                )
                if text.holds(part) {
                    take(run, place..<place + 1)
                } else if isCut {
                    take(run, place..<place + 1, isOpen: true)
                }
            }
        }
    }

    private mutating func take(_ run: SortedRun, _ keys: Range<Int>?, isOpen: Bool = false) {
        guard let keys, !keys.isEmpty else { return }
        guard isOpen else { return certain.insert(run.rows(keys)) }
        var open = open ?? RowSet(count: bound)
        self.open = nil
        open.insert(run.rows(keys))
        self.open = open
    }

    private func successor(of prefix: [UInt8]) -> [UInt8] {
        var next = prefix
        next[next.count - 1] += 1
        return next
    }
}

extension UnsafeBufferPointer<UInt8> {
    fileprivate func holds(_ part: [UInt8]) -> Bool {
        guard let first = part.first else { return true }
        guard count >= part.count else { return false }
        for start in 0...count - part.count where self[start] == first {
            if self[start..<start + part.count].elementsEqual(part) { return true }
        }
        return false
    }
}
