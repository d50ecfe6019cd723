// SPDX-License-Identifier: Apache-2.0
import LodestoneClient

/// The meaning of a filter in the plainest way: the oracle of the differential test.
struct PlainFilter {
    let id: String
    let metadata: Metadata

    func passes(_ filter: Filter) -> Bool {
        switch filter {
        case .and(let parts):
            for part in parts where !passes(part) { return false }
            return true
        case .or(let parts):
            for part in parts where passes(part) { return true }
            return false
        case .ids(let ids):
            return ids.contains { $0.string == id }
        case .invalid:
            return false
        case .not(let part):
            return !passes(part)
        case .exists(let path, let isThere):
            return isThere ? find(path) != nil : find(path) == nil
        case .equal(let path, let wanted):
            return candidates(path).contains { equals($0, wanted) }
        case .oneOf(let path, let wanted):
            return candidates(path).contains { value in wanted.contains { equals(value, $0) } }
        case .range(let path, let lower, let upper):
            return candidates(path).contains { value in
                var isInside = true
                if let lower {
                    let sign = compare(value, lower.value)
                    isInside = isInside && (sign == 1 || sign == 0 && !lower.isExclusive)
                }
                if let upper {
                    let sign = compare(value, upper.value)
                    isInside = isInside && (sign == -1 || sign == 0 && !upper.isExclusive)
                }
                return isInside
            }
        case .contains(let path, let part):
            switch find(path) {
            case .list(let elements): return elements.contains { equals($0, part) }
            case .string(let text):
                guard case .string(let part) = part else { return false }
                let (text, bytes) = (Array(text.utf8), Array(part.utf8))
                if bytes.count > text.count { return false }
                return (0...(text.count - bytes.count)).contains { start in
                    (0..<bytes.count).allSatisfy { text[start + $0] == bytes[$0] }
                }
            default: return false
            }
        }
    }

    /// The field; `nil` when it is missing.
    private func find(_ path: [String]) -> Value? {
        var value = Value.object(metadata)
        for name in path {
            guard case .object(let fields) = value, let next = fields[name] else { return nil }
            value = next
        }
        return value
    }

    /// The field and, if it is a list, its elements.
    private func candidates(_ path: [String]) -> [Value] {
        switch find(path) {
        case nil: []
        case .list(let elements): [.list(elements)] + elements
        case .some(let value): [value]
        }
    }

    private func equals(_ left: Value, _ right: Value) -> Bool {
        switch (left, right) {
        case (.bool(let left), .bool(let right)): return left == right
        case (.list(let left), .list(let right)):
            return left.count == right.count
                && left.indices.allSatisfy { equals(left[$0], right[$0]) }
        case (.object(let left), .object(let right)):
            guard left.count == right.count else { return false }
            for (name, value) in left {
                guard let other = right[name], equals(value, other) else { return false }
            }
            return true
        default: return compare(left, right) == 0
        }
    }

    /// -1, 0 or 1; `nil` for what can't be compared.
    private func compare(_ left: Value, _ right: Value) -> Int? {
        switch (left, right) {
        case (.int(let left), .int(let right)): return left < right ? -1 : left == right ? 0 : 1
        case (.timestamp(let left), .timestamp(let right)):
            return left < right ? -1 : left == right ? 0 : 1
        case (.double(let left), .double(let right)):
            if left.isNaN || right.isNaN { return nil }
            return left < right ? -1 : left == right ? 0 : 1
        case (.int(let left), .double(let right)):
            if right.isNaN { return nil }
            // Every whole number is a sum of two doubles that a double can be compared with in
            // turn.
            let high = Double(left >> 32) * 4_294_967_296
            let low = Double(left & 0xFFFF_FFFF)
            let rest = right - high
            // The bits that the difference loses are far beyond the range of the lower half.
            return low < rest ? -1 : low == rest ? 0 : 1
        case (.double, .int): return compare(right, left).map { -$0 }
        case (.string(let left), .string(let right)):
            for (one, other) in zip(left.utf8, right.utf8) where one != other {
                return one < other ? -1 : 1
            }
            let (one, other) = (left.utf8.count, right.utf8.count)
            return one < other ? -1 : one == other ? 0 : 1
        default: return nil
        }
    }
}
