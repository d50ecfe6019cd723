// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The rows that may satisfy a filter: exact rows certainly do; recheck rows must be read.
package struct RowCandidates: Sendable {
    /// The rows that satisfy the filter for certain.
    package var exact: RowSet
    /// The rows whose metadata must be read, none of them exact; `nil`: none.
    package var recheck: RowSet?

    /// No candidates, for a filter that no row below `bound` satisfies.
    fileprivate static func none(below bound: Int) -> RowCandidates {
        RowCandidates(exact: RowSet(count: bound), recheck: nil)
    }

    private var possible: RowSet {
        var possible = exact
        if let recheck { possible.formUnion(recheck) }
        return possible
    }

    fileprivate mutating func formIntersection(_ other: RowCandidates) {
        var possible: RowSet?
        if recheck != nil || other.recheck != nil {
            possible = self.possible
            possible?.formIntersection(other.possible)
        }
        exact.formIntersection(other.exact)
        setRecheck(possible)
    }

    fileprivate mutating func formUnion(_ other: RowCandidates) {
        var possible = recheck
        if let more = other.recheck {
            possible?.formUnion(more)
            possible = possible ?? more
        }
        exact.formUnion(other.exact)
        setRecheck(possible)
    }

    fileprivate mutating func formComplement(in live: RowSet) {
        var remaining = live
        remaining.subtract(possible)
        exact = remaining
    }

    /// Sets the recheck rows to those of `possible` that are not exact.
    private mutating func setRecheck(_ possible: RowSet?) {
        recheck = possible
        recheck?.subtract(exact)
        if recheck?.count == 0 { recheck = nil }
    }
}

extension FieldIndex {
    /// The candidates of a filter, by the index.
    ///
    /// A comparison with a field that is not indexed rechecks every row. A comparison with a long
    /// string, a list or an object rechecks the rows that may be equal. So `and` rechecks only the
    /// rows that pass its indexed parts, and `not` is as exact as the filter that it negates.
    ///
    /// - Parameters:
    ///   - filter: Any filter.
    ///   - live: The rows that exist.
    ///   - bound: A number above the highest row.
    ///   - rows: Returns the rows of ids.
    ///   - check: Called periodically; throws to end work that takes too long.
    /// - Returns: The candidates among the rows in `live`.
    /// - Throws: The error of `check` or `rows`, or that of an invalid filter.
    /// - Complexity: O(matching rows) and one bit per row, per comparison; O(distinct values) for a
    ///   part of a string.
    package func candidates(
        of filter: Filter,
        among live: RowSet,
        bound: Int,
        rows: ([DocumentID]) throws(LodestoneError) -> [RowID],
        _ check: () throws(LodestoneError) -> Void
    ) throws(LodestoneError) -> RowCandidates {
        var candidates = try unchecked(filter, live, bound, rows, check)
        // Dropped rows are still among the values.
        candidates.exact.formIntersection(live)
        candidates.recheck?.formIntersection(live)
        if candidates.recheck?.count == 0 { candidates.recheck = nil }
        return candidates
    }

    private func unchecked(
        _ filter: Filter,
        _ live: RowSet,
        _ bound: Int,
        _ rows: ([DocumentID]) throws(LodestoneError) -> [RowID],
        _ check: () throws(LodestoneError) -> Void
    ) throws(LodestoneError) -> RowCandidates {
        try check()
        // The candidates of a filter that no index decides: no row is exact, any row may pass.
        var anything: RowCandidates { RowCandidates(exact: RowSet(count: bound), recheck: live) }
        switch filter {
        case .and(let filters):
            var candidates = RowCandidates(exact: live, recheck: nil)
            let known = filters.filter { decides($0) }
            for filter in known {
                candidates.formIntersection(try unchecked(filter, live, bound, rows, check))
            }
            // All parts that no index decides have the same candidates, `anything`. One
            // intersection serves for all of them, and saves thousands of sets of rows.
            if known.count < filters.count { candidates.formIntersection(anything) }
            return candidates
        case .or(let filters):
            var candidates = RowCandidates.none(below: bound)
            let known = filters.filter { decides($0) }
            for filter in known {
                candidates.formUnion(try unchecked(filter, live, bound, rows, check))
            }
            if known.count < filters.count { candidates.formUnion(anything) }
            return candidates
        case .ids(let ids):
            var exact = RowSet(count: bound)
            for row in try rows(ids) { exact.insert(row) }
            return RowCandidates(exact: exact, recheck: nil)
        case .not(let filter):
            var candidates = try unchecked(filter, live, bound, rows, check)
            candidates.formComplement(in: live)
            return candidates
        case .equal(let path, let value):
            return try comparison(path, live, bound) { (match) throws(LodestoneError) in
                match.equal(value)
            }
        case .oneOf(let path, let values):
            return try comparison(path, live, bound) { (match) throws(LodestoneError) in
                for (index, value) in values.enumerated() {
                    if index % 256 == 255 { try check() }
                    match.equal(value)
                }
            }
        case .range(let path, let lower, let upper):
            return try comparison(path, live, bound) { (match) throws(LodestoneError) in
                match.range(lower, upper)
            }
        case .exists(let path, let isThere):
            var candidates = try comparison(path, live, bound) { (match) throws(LodestoneError) in
                match.all(.present)
            }
            if !isThere { candidates.formComplement(in: live) }
            return candidates
        case .contains(let path, let value):
            return try comparison(path, live, bound) { (match) throws(LodestoneError) in
                match.equal(value, in: [.element])
                if case .string(let part) = value { try match.strings(with: part, check) }
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
        _ body: (inout ComparisonMatch) throws(LodestoneError) -> Void
    ) throws(LodestoneError) -> RowCandidates {
        guard let field = number(of: path) else {
            return RowCandidates(exact: RowSet(count: bound), recheck: live)
        }
        var match = ComparisonMatch(field: field, runs: runs, bound: bound)
        try body(&match)
        return match.candidates
    }
}

/// The rows of one comparison, gathered key by key.
private struct ComparisonMatch {
    let field: UInt8
    let runs: [SortedRun]
    let bound: Int
    private var exact: RowSet
    private var recheck: RowSet?

    init(field: UInt8, runs: [SortedRun], bound: Int) {
        self.field = field
        self.runs = runs
        self.bound = bound
        exact = RowSet(count: bound)
    }

    var candidates: RowCandidates {
        var candidates = RowCandidates(exact: exact, recheck: recheck)
        candidates.recheck?.subtract(exact)
        return candidates
    }

    /// Adds all rows that have keys of a kind.
    mutating func all(_ kind: EncodedKey.Kind) {
        let start = EncodedKey(field: field, kind).bytes
        for run in runs { add(run, run.positions(from: start, to: successor(of: start))) }
    }

    /// Adds the rows with a value.
    mutating func equal(_ value: Value, in kinds: [EncodedKey.Kind] = [.single, .element]) {
        switch value {
        case .list, .object:
            // Lists and objects have no key.
            let compound = EncodedKey(field: field, .compound).bytes
            for run in runs { add(run, run.find(compound).map { $0..<$0 + 1 }, rechecks: true) }
        default:
            for kind in kinds {
                guard let key = EncodedKey(field: field, kind, value) else { return }
                for run in runs {
                    add(run, run.find(key.bytes).map { $0..<$0 + 1 }, rechecks: key.isTruncated)
                }
            }
        }
    }

    /// Adds the rows with a value between two ends.
    mutating func range(_ lower: Filter.Bound?, _ upper: Filter.Bound?) {
        if lower == nil && upper == nil { return all(.present) }
        for kind in [EncodedKey.Kind.single, .element] {
            let first = lower.map { EncodedKey(field: field, kind, $0.value) }
            let last = upper.map { EncodedKey(field: field, kind, $0.value) }
            // A value that can't be compared is in no range; neither are true and false.
            if first == .some(nil) || last == .some(nil) { return }
            guard let some = (first ?? last) ?? nil, some.bytes[2] != 1 else { return }
            if let first = first ?? nil, let last = last ?? nil, first.bytes[2] != last.bytes[2] {
                return
            }
            var start = some.startOfType.bytes
            var end = some.endOfType.bytes
            if let lower, let key = first ?? nil {
                let isOut = lower.isExclusive || key.isTruncated
                start = isOut ? key.bytes + [0] : key.bytes
            }
            if let upper, let key = last ?? nil {
                let isOut = upper.isExclusive || key.isTruncated
                end = isOut ? key.bytes : key.bytes + [0]
            }
            for run in runs {
                add(run, run.positions(from: start, to: end))
                for key in [first ?? nil, last ?? nil] {
                    guard let key, key.isTruncated else { continue }
                    add(run, run.find(key.bytes).map { $0..<$0 + 1 }, rechecks: true)
                }
            }
        }
    }

    /// Adds the rows whose field is a string that contains `part`.
    mutating func strings(with part: String, _ check: () throws(LodestoneError) -> Void)
        throws(LodestoneError)
    {
        guard let some = EncodedKey(field: field, .single, "") else { return }
        let part = Array(part.utf8)
        let start = some.startOfType.bytes
        let end = some.endOfType.bytes
        for run in runs {
            for index in run.positions(from: start, to: end) {
                if index % 1_024 == 0 { try check() }
                let key = run.key(index)
                let isTruncated = key.count == EncodedKey.maxByteCount
                let text = UnsafeBufferPointer(
                    rebasing: key.dropFirst(3).prefix(EncodedKey.maxStringBytes)
                )
                if text.contains(bytes: part) {
                    add(run, index..<index + 1)
                } else if isTruncated {
                    add(run, index..<index + 1, rechecks: true)
                }
            }
        }
    }

    private mutating func add(_ run: SortedRun, _ keys: Range<Int>?, rechecks: Bool = false) {
        guard let keys, !keys.isEmpty else { return }
        guard rechecks else { return exact.insert(run.rows(keys)) }
        var rows = recheck ?? RowSet(count: bound)
        recheck = nil
        rows.insert(run.rows(keys))
        recheck = rows
    }

    private func successor(of prefix: [UInt8]) -> [UInt8] {
        var next = prefix
        next[next.count - 1] += 1
        return next
    }
}

extension UnsafeBufferPointer<UInt8> {
    fileprivate func contains(bytes part: [UInt8]) -> Bool {
        guard let first = part.first else { return true }
        guard count >= part.count else { return false }
        for start in 0...count - part.count where self[start] == first {
            if self[start..<start + part.count].elementsEqual(part) { return true }
        }
        return false
    }
}
