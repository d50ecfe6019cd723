// SPDX-License-Identifier: Apache-2.0

/// The edit distance from one word to many others: inserted, deleted and replaced letters and
/// swapped neighbors count one each, and no letter is edited twice (restricted
/// Damerau-Levenshtein).
///
/// Words of up to 64 letters use parallel bits: Hyyrö, A Bit-Vector Algorithm for Computing
/// Levenshtein and Damerau Edit Distances, 2003. Longer words use the dynamic programming table, in
/// a band.
struct EditDistance {
    private let word: ContiguousArray<UInt32>
    /// The positions of each ASCII letter in the word, one bit per position.
    private var ascii = ContiguousArray<UInt64>(repeating: 0, count: 128)
    /// The positions of other letters.
    private var others: [(scalar: UInt32, positions: UInt64)] = []

    /// - Parameter word: The scalars of the word, at least one.
    init(_ word: ContiguousArray<UInt32>) {
        self.word = word
        guard word.count <= 64 else { return }
        for (index, scalar) in word.enumerated() {
            let bit: UInt64 = 1 << UInt64(index)
            if scalar < 128 {
                ascii[Int(scalar)] |= bit
            } else if let known = others.firstIndex(where: { $0.scalar == scalar }) {
                others[known].positions |= bit
            } else {
                others.append((scalar, bit))
            }
        }
    }

    /// The number of edits from the word to `other`, in UTF-8; `nil` for more than `limit`.
    func distance(to other: UnsafeBufferPointer<UInt8>, limit: Int) -> Int? {
        let count = WordScalars.count(in: other)
        guard abs(count - word.count) <= limit else { return nil }
        let distance =
            word.count <= 64 ? parallel(other) : banded(WordScalars.all(in: other), limit)
        return distance <= limit ? distance : nil
    }

    private func parallel(_ other: UnsafeBufferPointer<UInt8>) -> Int {
        var positive = UInt64.max
        var negative: UInt64 = 0
        var diagonal: UInt64 = 0
        var before: UInt64 = 0
        var distance = word.count
        let last: UInt64 = 1 << UInt64(word.count - 1)
        ascii.withUnsafeBufferPointer { ascii in
            WordScalars.forEach(in: other) { scalar in
                let positions = scalar < 128 ? ascii[Int(scalar)] : positions(of: scalar)
                let swapped = ((~diagonal & positions) << 1) & before
                diagonal =
                    (((positions & positive) &+ positive) ^ positive) | positions | negative
                    | swapped
                var up = negative | ~(diagonal | positive)
                let down = diagonal & positive
                if up & last != 0 { distance += 1 }
                if down & last != 0 { distance -= 1 }
                up = up << 1 | 1
                positive = (down << 1) | ~(diagonal | up)
                negative = up & diagonal
                before = positions
            }
        }
        return distance
    }

    private func positions(of scalar: UInt32) -> UInt64 {
        for other in others where other.scalar == scalar { return other.positions }
        return 0
    }

    /// The distance by the table, computed for the cells within `limit` of the diagonal.
    private func banded(_ other: ContiguousArray<UInt32>, _ limit: Int) -> Int {
        let far = limit + 1
        var beforeLast = ContiguousArray<Int>(repeating: far, count: other.count + 1)
        var last = beforeLast
        for column in 0...min(limit, other.count) { last[column] = column }
        var row = beforeLast
        for line in 1...word.count {
            let columns = max(1, line - limit)..<min(other.count, line + limit) + 1
            // This cell still has the value of two rows before.
            row[columns.lowerBound - 1] = columns.lowerBound == 1 ? min(line, far) : far
            for column in columns {
                let isEqual = word[line - 1] == other[column - 1]
                var least = last[column - 1] + (isEqual ? 0 : 1)
                if column < line + limit { least = min(least, last[column] + 1) }
                least = min(least, row[column - 1] + 1)
                if line > 1, column > 1, word[line - 1] == other[column - 2],
                    word[line - 2] == other[column - 1]
                {
                    least = min(least, beforeLast[column - 2] + 1)
                }
                row[column] = least
            }
            (beforeLast, last, row) = (last, row, beforeLast)
        }
        return last[other.count]
    }
}
