// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The collections that a credential may use: all of them, or those with certain names or prefixes.
///
/// Names are compared by their bytes.
package struct CollectionScope: Sendable, Equatable {
    /// Every collection, and the calls that concern the whole store.
    package static let all = CollectionScope(patterns: nil)

    /// The most names and prefixes of one credential.
    private static let maxCount = 1_000

    /// The names, and the prefixes with a `*` at their ends; `nil` for all collections.
    package let patterns: [String]?
    private let names: Set<ByteString>
    private let prefixes: [String]

    private init(patterns: [String]?) {
        self.patterns = patterns
        let all = patterns ?? []
        names = Set(all.filter { $0.utf8.last != Self.star }.map { ByteString($0) })
        prefixes = all.filter { $0.utf8.last == Self.star }.map { String($0.dropLast()) }
    }

    /// Creates a scope of names, and of prefixes with a `*` at their ends.
    ///
    /// - Throws: The problem of a pattern that is no name of a collection, or of a list that is
    ///   empty or too long.
    package init(_ patterns: [String]) throws(CredentialProblem) {
        guard (1...Self.maxCount).contains(patterns.count) else {
            throw CredentialProblem(
                "collections has \(patterns.count) names; 1 to \(Self.maxCount) are good",
                "Name the collections, or leave \"collections\" out for all of them."
            )
        }
        for pattern in patterns {
            let name = pattern.utf8.last == Self.star ? pattern.utf8.dropLast() : pattern.utf8[...]
            guard (1...64).contains(name.count), name.allSatisfy(Self.isInName) else {
                throw CredentialProblem(
                    "'\(pattern.prefix(80))' is no name or prefix of a collection",
                    "Write 1 to 64 letters, digits, dots, hyphens and underscores, with a * at the "
                        + "end of a prefix, as in logs-*."
                )
            }
        }
        self.init(patterns: patterns)
    }

    /// Whether the scope has the collection.
    package func contains(_ collection: String) -> Bool {
        guard patterns != nil else { return true }
        return names.contains(ByteString(collection))
            || prefixes.contains { collection.utf8.starts(with: $0.utf8) }
    }

    private static let star = UInt8(ascii: "*")

    static func isInName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
