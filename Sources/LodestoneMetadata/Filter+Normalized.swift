// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneStructures

extension Filter {
    /// An equivalent filter that is cheaper to evaluate.
    ///
    /// `OR` in `OR` and `AND` in `AND` are flattened. In an `OR`, the `=` and `IN` comparisons of
    /// one field become one `IN`; in an `AND`, the excluding ones become one `NOT IN`. Frameworks
    /// write such chains with thousands of parts, and each part would be compared with every
    /// document.
    ///
    /// - Complexity: O(parts), and the bytes of their paths.
    package var normalized: Filter {
        switch self {
        case .or(let filters):
            var parts = Gathered()
            for filter in filters {
                let filter = filter.normalized
                if case .or(let inner) = filter {
                    for part in inner { parts.add(part) }
                } else {
                    parts.add(filter)
                }
            }
            let all = parts.all
            return all.count == 1 ? all[0] : .or(all)
        case .and(let filters):
            var parts: [Filter] = []
            var excluded = Gathered()
            for filter in filters {
                let filter = filter.normalized
                let inner = if case .and(let inner) = filter { inner } else { [filter] }
                for part in inner {
                    if case .not(let negated) = part, negated.isMembership {
                        excluded.add(negated)
                    } else {
                        parts.append(part)
                    }
                }
            }
            parts += excluded.all.map { .not($0) }
            return parts.count == 1 ? parts[0] : .and(parts)
        case .not(let filter):
            return .not(filter.normalized)
        case .equal, .oneOf, .range, .exists, .contains, .ids, .invalid:
            return self
        }
    }

    /// Whether the filter is an `=` comparison, an `IN` comparison, or a list of ids.
    private var isMembership: Bool {
        switch self {
        case .equal, .oneOf, .ids: true
        default: false
        }
    }

    /// Alternatives, merged per field.
    private struct Gathered {
        private var others: [Filter] = []
        private var fields: [(path: [String], values: [Value])] = []
        /// The position of each field; names are distinguished by their bytes.
        private var positions: [[ByteString]: Int] = [:]
        private var ids: [DocumentID] = []
        private var hasIDs = false

        mutating func add(_ filter: Filter) {
            switch filter {
            case .equal(let path, let value): add(path, [value])
            case .oneOf(let path, let some): add(path, some)
            case .ids(let some):
                ids += some
                hasIDs = true
            default: others.append(filter)
            }
        }

        private mutating func add(_ path: [String], _ some: [Value]) {
            let name = path.map { ByteString($0) }
            if let position = positions[name] {
                fields[position].values += some
            } else {
                positions[name] = fields.count
                fields.append((path, some))
            }
        }

        /// All alternatives, the cheapest first.
        var all: [Filter] {
            var all: [Filter] = []
            if hasIDs { all.append(.ids(ids)) }
            for (path, values) in fields {
                all.append(
                    values.count == 1 ? .equal(path: path, values[0]) : .oneOf(path: path, values)
                )
            }
            return all + others
        }
    }
}
