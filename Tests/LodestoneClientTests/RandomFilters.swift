// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import TestSupport

/// Metadata and filters that often have to do with each other.
struct RandomFilters {
    var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    static let paths: [[String]] = [
        ["a"], ["b"], ["c"], ["ü\u{301}"], ["\u{1D8}"], ["o"], ["o", "x"], ["o", "y", "z"],
        ["missing"], ["a", "x"],
    ]
    static let indexes = [["a"], ["b"], ["o"], ["o", "x"], ["ü\u{301}"], ["never"]]
        .map { MetadataIndex(path: $0) }

    mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    private static let prefix = String(repeating: "long ", count: 51)
    private static let values: [Value] = [
        true, false, 0, 1, 2, 3, -1, .int(.min), .int(.max), .int(.max - 1), .int(1 << 53),
        .int((1 << 53) + 1), 0.0, .double(-0.0), 0.5, 1.0, 2.0, -1.5, .double(0x1p53),
        .double(0x1p63), .double(-0x1p63), .double(.infinity), .double(-.infinity),
        .double(.leastNonzeroMagnitude), .timestamp(microseconds: 0),
        .timestamp(microseconds: 1), .timestamp(microseconds: -1), .timestamp(microseconds: .min),
        .timestamp(microseconds: .max), "", "a", "ab", "b", "\0", "a\0", "ä", "a\u{308}", "日本", "日",
        "🦊", "мир", "true", "1", .string(prefix), .string(prefix + "a"), .string(prefix + "ab"),
        .string(prefix + "é"), .string(prefix + "éa"), .string(prefix + "ac"), [], [1], ["a", 1],
        [[1], "b"], .object([:]), .object(["x": 1]),
    ]

    mutating func value(depth: Int = 0) -> Value {
        switch below(10) {
        case 0 where depth < 3:
            var elements: [Value] = []
            for _ in 0..<below(4) { elements.append(value(depth: depth + 1)) }
            return .list(elements)
        case 1 where depth < 2:
            return .object(["x": value(depth: depth + 1)])
        default:
            return Self.values[below(Self.values.count)]
        }
    }

    mutating func metadata() -> Metadata {
        var metadata: Metadata = [:]
        // Two of them look alike.
        for name in ["a", "b", "c", "ü\u{301}", "\u{1D8}"] where below(4) > 0 {
            metadata[name] = value()
        }
        switch below(4) {
        case 0: metadata["o"] = value()
        case 1: metadata["o"] = .object(["x": value(), "y": .object(["z": value()])])
        case 2: metadata["o"] = .object(["x": value()])
        default: break
        }
        return metadata
    }

    private mutating func bound() -> Filter.Bound? {
        below(3) == 0 ? nil : Filter.Bound(value(), isExclusive: below(2) == 0)
    }

    mutating func filter(depth: Int = 0) -> Filter {
        let path = Self.paths[below(Self.paths.count)]
        switch below(depth < 4 ? 12 : 6) {
        case 0: return .equal(path: path, value())
        case 1:
            var values: [Value] = []
            for _ in 0..<below(6) { values.append(value()) }
            return .oneOf(path: path, values)
        case 2: return .range(path: path, lower: bound(), upper: bound())
        case 3: return .exists(path: path, below(2) == 0)
        case 4: return .contains(path: path, value())
        case 5: return .ids(ids())
        case 6: return .not(filter(depth: depth + 1))
        case 7: return .or(filters(depth))
        case 8: return .or(chain(path))
        case 9: return .and(chain(path).map { .not($0) })
        default: return .and(filters(depth))
        }
    }

    private mutating func ids() -> [DocumentID] {
        (0..<below(8)).compactMap { _ in try? DocumentID("d\(below(60))") }
    }

    /// Many comparisons of one field, alone or with another in pairs, as frameworks write them.
    private mutating func chain(_ path: [String]) -> [Filter] {
        let other = Self.paths[below(Self.paths.count)]
        return (0..<below(24)).map { _ in
            switch below(5) {
            case 0: .and([.equal(path: path, value()), .equal(path: other, value())])
            case 1: .and([.exists(path: other, below(2) == 0), .equal(path: path, value())])
            case 2: .oneOf(path: path, [value(), value()])
            case 3: .or([.equal(path: path, value()), .ids(ids())])
            default: .equal(path: path, value())
            }
        }
    }

    private mutating func filters(_ depth: Int) -> [Filter] {
        var filters: [Filter] = []
        for _ in 0..<below(4) { filters.append(filter(depth: depth + 1)) }
        return filters
    }
}
