// SPDX-License-Identifier: Apache-2.0

/// A prefix, ready to be compared with many words of texts.
///
/// Accents are ignored, even in languages whose stemmers use them.
struct WordPrefix: Sendable {
    /// The prefix, folded, in UTF-8, without accents; not empty.
    let bytes: [UInt8]
    /// Whether the words to compare with have accents.
    let foldsAccents: Bool

    /// - Parameters:
    ///   - word: The prefix, folded, in UTF-8.
    ///   - analyzer: The analyzer of the collection.
    init(_ word: [UInt8], _ analyzer: TextAnalyzer) {
        foldsAccents = analyzer.keepsAccents
        let folded = foldsAccents ? word.withUnsafeBufferPointer { Self.folded($0) } : word
        bytes = folded.isEmpty ? word : folded
    }

    /// Whether a folded word has this prefix.
    func matches(_ word: some Collection<UInt8>) -> Bool {
        guard foldsAccents, word.contains(where: { $0 >= 0x80 }) else {
            return word.starts(with: bytes)
        }
        return ContiguousArray(word).withUnsafeBufferPointer { Self.folded($0) }
            .starts(with: bytes)
    }

    private static func folded(_ word: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var folded: [UInt8] = []
        WordScalars.forEach(in: word) { value in
            guard let scalar = Unicode.Scalar(value) else { return }
            ScalarTable.folded[scalar].forEachScalar { value in
                folded += Unicode.Scalar(value).flatMap { UTF8.encode($0) } ?? .init()
            }
        }
        return folded
    }
}
