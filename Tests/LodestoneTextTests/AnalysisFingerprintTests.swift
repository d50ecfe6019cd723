// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneText

@Suite("Analysis fingerprint")
struct AnalysisFingerprintTests {
    @Test("A base tells the language of its text analysis")
    func base() throws {
        var index = PostingsTextIndex(TextOptions(language: .dutch))
        index.add(index.analyze(["mogelijkheden"]), at: 0, row: 0)
        var sections = MemorySections()
        try index.write(to: &sections) { _ in true }
        for language in TextLanguage.allCases {
            let options = TextOptions(language: language)
            #expect(PostingsTextIndex.isOfThisAnalysis(sections, options) == (language == .dutch))
        }
        #expect(
            !PostingsTextIndex.isOfThisAnalysis(MemorySections(), TextOptions(language: .dutch))
        )
    }

    @Test(
        "Analysis fingerprints differ when one stem or one letter of one language differs",
        .timeLimit(.minutes(1))
    )
    func differences() {
        let all = TextLanguage.allCases.map { AnalysisFingerprint.of($0) }
        #expect(AnalysisFingerprint.all == AnalysisFingerprint.all(all))
        let letters = AnalysisFingerprint.characters
        for (position, language) in TextLanguage.allCases.enumerated() {
            var others = all
            others[position] ^= 1
            #expect(AnalysisFingerprint.all(others) != AnalysisFingerprint.all, "\(language)")
            guard SnowballStemmer.of(language) != nil else {
                #expect(AnalysisFingerprint.of(language, letters, nil) == all[position])
                #expect(AnalysisFingerprint.of(language, letters &+ 1, nil) != all[position])
                continue
            }
            let analyzer = TextAnalyzer(TextOptions(language: language))
            let stem = { (word: String) in analyzer.stem(of: word.utf8).bytes }
            #expect(AnalysisFingerprint.of(language, letters, stem) == all[position], "\(language)")
            #expect(AnalysisFingerprint.of(language, letters &+ 1, stem) != all[position])
            // The other stemmer, like a later version, leaves one word more as it is, or one ending
            // less.
            let words = StemProbes.words(language)
            for number in [0, 7, words.count / 2, words.count - 1] {
                let other = AnalysisFingerprint.of(language, letters) { word in
                    word == words[number] ? stem(word) + [0x78] : stem(word)
                }
                #expect(other != all[position], "\(language) \(words[number])")
            }
        }
    }

    @Test("Analysis fingerprints cover many stems, most of them different from their words")
    func probes() {
        for language in TextLanguage.allCases where SnowballStemmer.of(language) != nil {
            let analyzer = TextAnalyzer(TextOptions(language: language))
            let words = StemProbes.words(language)
            let stemmed = words.filter { word in
                analyzer.stem(of: word.utf8).bytes != Array(word.utf8)
            }
            #expect(words.count >= 50 && stemmed.count >= 30, "\(language) \(stemmed.count)")
        }
    }
}
