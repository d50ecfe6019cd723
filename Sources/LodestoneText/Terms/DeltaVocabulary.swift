// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The masks of a dictionary's words, grouped by length, computed by the first query that needs
/// them.
///
/// Measured (a word at one edit from WordNet's): groups by length 28 microseconds, a scan of all
/// lengths 80 microseconds. Writers do no work for it. Words are never removed from a dictionary.
///
/// Threading: any thread; the lock is held while new words are read.
final class DeltaVocabulary: Sendable {
    /// The number of words in a part.
    ///
    /// Adding words copies at most one part per length, while other threads read the old one.
    static let partSize = 4_096

    /// Some words of one length.
    struct Part {
        fileprivate(set) var masks: ContiguousArray<UInt64> = []
        /// Their numbers in the dictionary, ascending.
        fileprivate(set) var words: ContiguousArray<UInt32> = []
    }

    /// The parts of the words of 0, 1, 2 … letters; the last has `BaseVocabulary.longest` and more.
    typealias Lengths = ContiguousArray<ContiguousArray<Part>>

    private struct State {
        var wordCount: UInt32 = 0
        var lengths = Lengths(repeating: [], count: BaseVocabulary.longest + 1)
    }

    private let state = Mutex(State())

    /// The words of a dictionary by length.
    func lengths(of dictionary: TermDictionary) -> Lengths {
        state.withLock { state in
            let count = dictionary.termCount
            while state.wordCount < count {
                let word = state.wordCount
                let (letters, mask) = dictionary.withTerm(word) { word in
                    word.withBytes { (WordScalars.count(in: $0), CharacterMask.of($0)) }
                }
                Self.add(word, mask, to: &state.lengths[min(letters, BaseVocabulary.longest)])
                state.wordCount += 1
            }
            return state.lengths
        }
    }

    private static func add(
        _ word: UInt32,
        _ mask: UInt64,
        to parts: inout ContiguousArray<Part>
    ) {
        if parts.last?.words.count ?? partSize == partSize { parts.append(Part()) }
        let last = parts.count - 1
        parts[last].masks.append(mask)
        parts[last].words.append(word)
    }
}
