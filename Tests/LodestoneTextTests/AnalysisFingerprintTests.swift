// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneText

@Suite("Words of another analysis")
struct AnalysisFingerprintTests {
    @Test("are told in a base, by its language")
    func base() throws {
        var index = TextIndex(TextOptions(language: .dutch))
        index.add(index.analyze(["mogelijkheden"]), at: 0, row: 0)
        var sections = MemorySections()
        try index.write(to: &sections) { _ in true }
        for language in TextLanguage.allCases {
            let options = TextOptions(language: language)
            #expect(TextIndex.isOfThisAnalysis(sections, options) == (language == .dutch))
        }
        #expect(!TextIndex.isOfThisAnalysis(MemorySections(), TextOptions(language: .dutch)))
    }

    @Test("are told by many stems, of which most differ from their words")
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
