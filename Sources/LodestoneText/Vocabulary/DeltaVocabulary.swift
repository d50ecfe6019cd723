// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Signatures of the words that a dictionary holds, in the order in which they came, made when a
/// question first needs them.
///
/// Writers do nothing for it. Words are never taken out of a dictionary.
///
/// Threading: any thread; the lock is held while new words are read.
final class DeltaVocabulary: Sendable {
    /// Words of a part; whoever adds copies no more than one part that others still look at.
    static let partSize = 4_096
    typealias Part = ContiguousArray<UInt64>

    private let parts = Mutex<[Part]>([])

    /// The signatures of the words from 0 on, part by part.
    func signatures(of dictionary: TextDictionary) -> [Part] {
        self.parts.withLock { parts in
            var known = max(0, parts.count - 1) * Self.partSize + (parts.last?.count ?? 0)
            let count = Int(dictionary.wordCount)
            while known < count {
                if parts.last?.count ?? Self.partSize == Self.partSize {
                    parts.append([])
                    parts[parts.count - 1].reserveCapacity(Self.partSize)
                }
                let part = parts.count - 1
                while known < count, parts[part].count < Self.partSize {
                    let signature = dictionary.withWord(UInt32(known)) { word in
                        word.bytes.withUnsafeBufferPointer { LetterSignature.of($0) }
                    }
                    parts[part].append(signature)
                    known += 1
                }
            }
            return parts
        }
    }
}
