// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The analysis of this process, for a store that keeps words.
package struct FTS5Analysis: WordAnalysis {
    package let fingerprint: UInt64

    /// - Parameter fingerprint: The fingerprint of the analysis; tests set another one.
    package init(fingerprint: UInt64 = AnalysisFingerprint.all) {
        self.fingerprint = fingerprint
    }

    package func words(of text: [TextField], _ options: TextOptions) -> DocumentWords? {
        DocumentWords(of: text, TextAnalyzer(options))
    }
}
