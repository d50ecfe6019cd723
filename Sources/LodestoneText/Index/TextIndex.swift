// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The words of a collection's documents: which rows they occur in, where, and how well those match
/// a question.
///
/// What was written to a file (the base) and what came since (the delta, in memory) are searched as
/// one. A row that is gone stays in the postings until the next base is written; who searches
/// passes what rows still count.
///
/// Threading: a value. One writer changes the newest value and hands out copies, which cost next to
/// nothing; a copy answers as of the moment it was taken, on any thread, while the writer goes on.
/// Only the newest value may be changed. Document frequencies are shared between copies: they may
/// be those of a later moment.
package struct TextIndex: Sendable {
    let base: TextBase?
    let delta: TextDelta
    let scratch = ScratchPool()
    /// Rows of the delta at or above it came later.
    package private(set) var rowBound: UInt32
    /// Documents with at least one word.
    package private(set) var documentCount: Int
    /// Words of all documents.
    package private(set) var totalLength: Int
    /// The largest class of any posting.
    private(set) var maxClass: UInt16
    /// Documents that were taken out since the base.
    private var removalCount = 0

    /// Creates an empty index.
    package init() {
        base = nil
        delta = TextDelta(seed: .random(in: .min ... .max), nextRow: 0)
        rowBound = 0
        documentCount = 0
        totalLength = 0
        maxClass = 0
    }

    /// Opens a base, with nothing added to it.
    ///
    /// Reads a header, whatever the number of documents.
    ///
    /// - Returns: `nil` when sections are missing or damaged; the index must be built anew then.
    package init?(from source: some SectionSource) {
        guard let base = TextBase(source) else { return nil }
        self.base = base
        delta = TextDelta(seed: base.seed, nextRow: base.rowBound)
        rowBound = base.rowBound
        documentCount = base.documentCount
        totalLength = base.totalLength
        maxClass = base.maxClass
    }

    /// Bytes of memory that the delta takes, roughly, which compaction gives back; for the writer.
    package var deltaByteCount: Int { delta.byteCount }

    /// Whether this is the newest value, so that it may be changed.
    package var isNewest: Bool {
        rowBound == delta.nextRow && removalCount == delta.removalCount
    }

    /// Whether the delta can take no more and later documents are not found; compaction helps.
    package var isFull: Bool { delta.isFull }

    /// Analyses texts, to be added or taken out.
    ///
    /// Any thread may do so with any copy. What was analysed with an index over another base can
    /// still be used, but costs the writer more.
    package func analyze(_ texts: [String]) -> AnalyzedTexts {
        var analyzed = AnalyzedTexts(dictionary: delta.dictionary)
        var tokenizer = Tokenizer()
        var lists = AnalyzedTexts.Lists()
        for var text in texts {
            text.withUTF8 { analyzed.read($0, &tokenizer, &lists) }
            analyzed.endText(&lists)
        }
        return analyzed
    }

    /// Analyses the texts of documents; all fields of one are its text, in their order.
    package func analyze(_ documents: [Document]) -> AnalyzedTexts {
        var analyzed = AnalyzedTexts(dictionary: delta.dictionary)
        var tokenizer = Tokenizer()
        var lists = AnalyzedTexts.Lists()
        for place in documents.indices {
            for field in documents[place].text {
                var text = field.text
                text.withUTF8 { analyzed.read($0, &tokenizer, &lists) }
            }
            analyzed.endText(&lists)
        }
        return analyzed
    }

    /// The same texts in this index's own terms.
    ///
    /// For texts that were analysed with an index over another base; `numbers` remembers what was
    /// looked up, from text to text.
    package func renumbered(_ texts: AnalyzedTexts, _ numbers: inout TermNumbers)
        -> AnalyzedTexts
    {
        if texts.dictionary === delta.dictionary { return texts }
        return texts.renumbered(for: delta.dictionary) { term in
            numbers.number(of: term, from: texts.dictionary) {
                texts.dictionary.withStem(of: term) { delta.dictionary.addTerm(forStem: $0) }
            }
        }
    }

    // MARK: Changes, by the one writer

    /// Adds the text at `index` of `texts` as the text of `row`.
    ///
    /// Rows rise from call to call; some may be left out.
    package mutating func add(_ texts: AnalyzedTexts, at index: Int, row: UInt32) {
        precondition(row >= rowBound && rowBound == delta.nextRow, "Rows rise.")
        let isOwn = texts.dictionary === delta.dictionary
        for occurrence in texts.occurrences[texts.occurrences(of: index)] {
            let term = isOwn ? occurrence.term : translated(occurrence.term, of: texts)
            var place = occurrence.place
            if place & AnalyzedTexts.isRun != 0 {
                let start = Int(place & ~AnalyzedTexts.isRun)
                place = delta.addRun(Int(texts.positions[start])) {
                    texts.positions[start + 1 + $0]
                }
            }
            delta.append(term, row: row, postingClass: occurrence.postingClass, place: place)
            maxClass = max(maxClass, occurrence.postingClass)
        }
        rowBound = row + 1
        delta.nextRow = rowBound
        let length = texts.length(of: index)
        if length > 0 {
            documentCount += 1
            totalLength += length
        }
    }

    /// Takes a document out of the statistics, given the text that it was added with.
    ///
    /// Its postings stay until the next base is written.
    package mutating func remove(_ texts: AnalyzedTexts, at index: Int) {
        let isOwn = texts.dictionary === delta.dictionary
        let occurrences = texts.occurrences(of: index)
        let length = texts.length(of: index)
        guard length > 0 else { return }
        for occurrence in texts.occurrences[occurrences] {
            let term = isOwn ? occurrence.term : translated(occurrence.term, of: texts)
            delta.addFrequency(-1, to: term)
        }
        removalCount += 1
        delta.removalCount = removalCount
        documentCount = max(0, documentCount - 1)
        totalLength = max(0, totalLength - length)
    }

    private func translated(_ term: UInt32, of texts: AnalyzedTexts) -> UInt32 {
        texts.dictionary.withStem(of: term) { delta.dictionary.addTerm(forStem: $0) }
    }
}
