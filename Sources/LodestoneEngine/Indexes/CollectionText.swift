// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles
import LodestoneStorage
import LodestoneText

/// The words of a collection's documents.
struct CollectionText: DerivedIndex {
    private(set) var index: any TextIndex

    /// The analyzed texts of a batch.
    struct Batch: IndexBatch {
        /// The texts of the new documents, in their order; `nil` where the index keeps no texts in
        /// memory.
        var new: AnalyzedTexts?
        /// The texts of the removed rows, in their order.
        var removed: AnalyzedTexts?

        var byteCount: Int { (new?.byteCount ?? 0) + (removed?.byteCount ?? 0) }
    }

    init(_ options: CollectionOptions) {
        index = options.textStrategy.makeIndex(options.text)
    }

    init?(from base: OpenedBase) {
        let options = base.options
        guard let index = options.textStrategy.openIndex(from: base.file, options.text) else {
            return nil
        }
        self.index = index
    }

    /// Whether another release, libstemmer or Unicode table made the words of the base, or the
    /// header of the words is missing or of another format.
    var isStale: Bool { index.lacksWords }

    func prepare(_ documents: [Document]) -> Batch {
        Batch(new: index.prepare(documents.map(\.text)))
    }

    func prepareRemoval(of texts: [[TextField]], in batch: inout Batch) {
        batch.removed = index.prepare(texts)
    }

    mutating func apply(_ change: IndexChange, _ batch: Batch) {
        if let removed = batch.removed {
            index.remove(removed, at: Array(change.removed.indices.prefix(removed.count)))
        }
        if let new = batch.new { index.add(new, rows: change.rows) }
    }

    func remap(_ batches: inout [Batch]) {
        var terms = PostingsRemapping()
        for position in batches.indices {
            let batch = batches[position]
            batches[position].new = batch.new.map { index.renumbered($0, &terms) }
            batches[position].removed = batch.removed.map { index.renumbered($0, &terms) }
        }
    }

    var deltaByteCount: Int { index.deltaByteCount }
    var isFull: Bool { index.isFull }
    var canChange: Bool { index.isNewest }

    func write(to base: inout BaseFileWriter, _ content: NextBase) throws(LodestoneError) {
        try index.write(to: &base) { content.ids.contains($0) }
    }

    static var damageKind: String { "words" }

    func check(_ ids: CollectionIDs) -> any IndexCheck { Check(words: index.check()) }

    private struct Check: IndexCheck {
        /// The comparison of the words; `nil` where the store compares them.
        let words: PostingsCheck?

        func difference(from row: CheckedRow) -> IndexDifference? {
            let stored = row.stored
            let text: String
            switch words?.differences(of: stored.row, from: stored.text).first {
            case nil: return nil
            case .unknownWords: text = "doesn't know all words of document '\(stored.id)'."
            case .otherWords: text = "has other words for document '\(stored.id)'."
            }
            return IndexDifference(object: stored.id.string, text: text)
        }

        func differences(documentCount: Int?) -> [String] {
            if words?.hasSoundVocabulary ?? true { return [] }
            return ["has words that don't lead to their stems."]
        }
    }
}
