// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneImport

/// A hint for a filter that no document satisfies: a field is missing, or has values of another
/// kind.
///
/// A comparison between kinds is no error, and no document satisfies it. So after a query without a
/// hit, a few counts search for the cause.
struct FilterHint {
    private let target: LodestoneClient.Collection

    /// Shows hints on standard error.
    static func show(_ filter: Filter?, _ target: LodestoneClient.Collection) async {
        guard let filter else { return }
        for hint in await FilterHint(target: target).hints(filter) {
            FileHandle.standardError.write(Data("lodestone: \(hint)\n".utf8))
        }
    }

    /// The first few hints, one per field that needs one.
    private func hints(_ filter: Filter) async -> [String] {
        var hints: [String] = []
        var seen: Set<MetadataIndex> = []
        for (path, value) in Self.comparisons(filter).prefix(8)
        where seen.insert(MetadataIndex(path: path)).inserted {
            // A failed hint is left out.
            if let hint = try? await hint(path, value) { hints.append(hint) }
        }
        return hints
    }

    private func hint(_ path: [String], _ value: Value?) async throws(LodestoneError) -> String? {
        let name = MetadataIndex(path: path).text
        guard try await target.count(.exists(path: path, true)).count > 0 else {
            let first = try await target.scan(limit: 1, include: .text).documents.first
            let isText =
                path.count == 1
                && first?.text.contains { $0.name.hasSameBytes(as: path[0]) } == true
            return "No document has a field '\(name)' in its metadata."
                + (isText
                    ? " '\(name)' is a text: a search finds its words. To filter by it, import with "
                        + "--text and the names of the other texts." : "")
        }
        guard let value, let kind = Kind(value) else { return nil }
        if try await has(kind, path) { return nil }
        for other in Kind.allCases where other != kind {
            guard try await has(other, path) else { continue }
            return "'\(name)' holds \(other.plural), and \(kind.plural) never equal them."
                + other.advice(value)
        }
        return nil
    }

    private func has(_ kind: Kind, _ path: [String]) async throws(LodestoneError) -> Bool {
        let filter: Filter =
            switch kind {
            case .number:
                .range(path: path, lower: .init(.double(-.greatestFiniteMagnitude)), upper: nil)
            case .text: .range(path: path, lower: .init(.string("")), upper: nil)
            case .time:
                .range(path: path, lower: .init(.timestamp(microseconds: .min)), upper: nil)
            case .flag: .oneOf(path: path, [.bool(false), .bool(true)])
            }
        return try await target.count(filter).count > 0
    }

    /// The fields that a filter compares, each with the value it is compared with.
    private static func comparisons(_ filter: Filter) -> [([String], Value?)] {
        switch filter {
        case .equal(let path, let value), .contains(let path, let value): [(path, value)]
        case .oneOf(let path, let values): [(path, values.first)]
        case .range(let path, let lower, let upper): [(path, (lower ?? upper)?.value)]
        case .exists(let path, let isThere): isThere ? [(path, nil)] : []
        case .and(let filters), .or(let filters): filters.flatMap(comparisons)
        case .not, .ids, .invalid: []
        }
    }

    /// A class of values that are comparable with each other.
    private enum Kind: CaseIterable {
        case number, text, time, flag

        init?(_ value: Value) {
            switch value {
            case .int, .double: self = .number
            case .string: self = .text
            case .timestamp: self = .time
            case .bool: self = .flag
            case .list, .object: return nil
            }
        }

        var plural: String {
            switch self {
            case .number: "numbers"
            case .text: "texts"
            case .time: "times"
            case .flag: "booleans"
            }
        }

        /// The form of a value of this kind in a filter.
        func advice(_ value: Value) -> String {
            switch (self, value) {
            case (.time, .int(let number)):
                let time = TimestampText.format(microseconds: number)
                return " As microseconds it is TIMESTAMP '\(time)'."
            case (.time, _): return " Write TIMESTAMP '2026-01-31T12:00:00Z'."
            case (.number, .string): return " Write it without quotes."
            case (.text, .int(let number)): return " Write '\(number)'."
            default: return ""
            }
        }
    }
}
