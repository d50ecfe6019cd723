// SPDX-License-Identifier: Apache-2.0

/// The distance within which a word finds other words.
///
/// An edit inserts, deletes or replaces a letter or swaps two neighbors. Words are compared in the
/// forms of texts, without case and accents: `runing` finds `running`, and so all words of its
/// stem.
public struct Fuzziness: Sendable, Equatable {
    /// The number of edits between two words.
    public enum Distance: Sendable, Equatable {
        /// None for words of up to 2 letters, one for up to 5, two for longer ones.
        case auto
        /// At most this number, 0 to 2, for words of any length.
        case edits(Int)
    }

    /// The permitted edits.
    public var distance: Distance
    /// The number of letters at the start that must be the same.
    public var prefixLength: Int
    /// The most stems that a word finds in addition to its own, 1 to 1,000; at most 8,192 for all
    /// words of a query.
    ///
    /// The nearest stems are used. Of equally near ones, those with the same first letter come
    /// first, then those of similar length, then the most frequent.
    public var maxExpansions: Int

    /// Creates settings.
    public init(_ distance: Distance = .auto, prefixLength: Int = 0, maxExpansions: Int = 50) {
        self.distance = distance
        self.prefixLength = prefixLength
        self.maxExpansions = maxExpansions
    }

    /// The number of edits by the length of a word.
    public static let auto = Fuzziness()

    /// Up to `count` edits, 0 to 2.
    public static func edits(_ count: Int) -> Fuzziness { Fuzziness(.edits(count)) }

    /// The permitted edits for a word of `count` letters.
    package func edits(forLetters count: Int) -> Int {
        switch distance {
        case .auto: count < 3 ? 0 : count < 6 ? 1 : 2
        case .edits(let edits): edits
        }
    }
}
