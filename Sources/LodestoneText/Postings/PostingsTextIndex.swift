// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The text index by postings: the rows and positions of words, and the scores of rows for a query.
///
/// A search reads the base (words in a file) and the delta (later words, in memory) together. A
/// dropped row stays in the postings until the next base. The caller of a search passes a test of
/// the rows that still exist.
///
/// Threading: a value. One writer changes the newest value and makes copies, which cost almost
/// nothing. A copy keeps its state, and any thread may search it while the writer continues. Only
/// the newest value may be changed. Copies share the document frequencies, so a copy may read
/// frequencies that include later documents.
package struct PostingsTextIndex: Sendable {
    let base: TextBase?
    let delta: TextDelta
    private(set) var scratch = ScratchPool()
    /// The bound of this value's rows.
    ///
    /// The delta may have later rows, which this value ignores.
    package private(set) var rowBound: RowID
    /// The number of documents with at least one word.
    package private(set) var documentCount: Int
    /// Per slot, the number of documents with words in it, and of their counted words.
    package private(set) var slots: [SlotStatistics]
    /// The lengths of each row's fields.
    private(set) var lengths: RowLengths
    /// The rows whose texts count; `nil`: all.
    private(set) var visible: VisibleRows?
    /// A bound above the class numbers of all postings.
    private(set) var classCount: Int
    /// The options of the analysis and the score.
    package let options: TextOptions
    /// The number of documents removed since the base.
    private var removalCount = 0
    /// Whether the base has words of another analysis; this value then has no words.
    package private(set) var lacksWords = false

    /// Creates an empty index.
    package init(_ options: TextOptions = TextOptions()) {
        base = nil
        let tables = TextTables(
            dictionary: TermDictionary(
                seed: .random(in: .min ... .max),
                analyzer: TextAnalyzer(options)
            ),
            classes: FieldNormTable(nil),
            fields: FieldTable(
                declared: options.fields.count,
                options.fields.map { ByteString($0.name) }
            )
        )
        delta = TextDelta(tables, nextRow: .first)
        rowBound = .first
        documentCount = 0
        slots = Array(repeating: SlotStatistics(), count: tables.fields.slotCount)
        lengths = RowLengths(nil, slotCount: tables.fields.slotCount)
        classCount = 0
        self.options = options
    }

    /// Creates an index without words, because another analysis made those of its base.
    init(lackingWords options: TextOptions) {
        self.init(options)
        lacksWords = true
    }

    /// Opens a base, with an empty delta.
    ///
    /// Reads only a header, for any number of documents. Returns `nil` when sections are missing or
    /// damaged; the index must then be rebuilt.
    ///
    /// - Parameters:
    ///   - source: The sections.
    ///   - options: The options of the base.
    package init?(from source: some SectionSource, _ options: TextOptions = TextOptions()) {
        guard let base = TextBase(source, options) else { return nil }
        self.base = base
        let tables = TextTables(
            dictionary: TermDictionary(seed: base.seed, analyzer: TextAnalyzer(options)),
            classes: FieldNormTable(base.classTable),
            fields: FieldTable(declared: options.fields.count, base.fieldNames)
        )
        delta = TextDelta(tables, nextRow: base.rowBound)
        rowBound = base.rowBound
        documentCount = base.documentCount
        slots = base.slots
        lengths = RowLengths(base.lengths, slotCount: tables.fields.slotCount)
        classCount = base.classTable.count / 2
        self.options = options
    }

    /// Whether this process's analysis made the words of a base; else the index must be rebuilt.
    static func isOfThisAnalysis(
        _ source: some SectionSource,
        _ options: TextOptions
    ) -> Bool {
        TextBase.isOfThisAnalysis(source, options.language)
    }

    /// An estimate of the delta's bytes in memory, which a compaction frees; for the writer.
    package var deltaByteCount: Int { delta.byteCount + lengths.byteCount }

    /// Whether this is the newest value; only that may be changed.
    package var isNewest: Bool {
        rowBound == delta.nextRow && removalCount == delta.removalCount
    }

    /// Whether dropped rows may still be in the postings; else no row need be tested.
    package var hasDeletedRows: Bool { removalCount > 0 }

    /// Whether the delta is full.
    ///
    /// Some later words are then not found until a compaction empties the delta.
    package var isFull: Bool { delta.isFull }

    /// Whether documents may have a field of this name.
    ///
    /// True when the field is declared, when a document has it, or when no field is declared.
    ///
    /// If only some texts count, any field may be searched: a refusal would tell whether other
    /// documents have the field.
    package func mayHaveField(_ name: ByteString) -> Bool {
        options.fields.isEmpty || visible != nil || delta.tables.fields.number(of: name) != nil
    }

    /// Analyzes the texts of documents, to be added or removed.
    ///
    /// Any thread may call it, on any copy. Texts that an index over another base analyzed can be
    /// used, too, but cost the writer more.
    ///
    /// - Parameter documents: The fields of each document.
    /// - Returns: The texts, in the order of the documents.
    package func analyze(_ documents: some Collection<[TextField]>) -> AnalyzedTexts {
        var analyzed = AnalyzedTexts(delta.tables)
        var tokenizer = delta.dictionary.analyzer.tokenizer()
        var builder = AnalyzedTexts.Builder(delta.tables)
        // Documents usually have the same fields in the same order.
        var known: [(name: ByteString, number: Int)] = []
        var parts: [(number: Int, index: Int)] = []
        for fields in documents {
            parts.removeAll(keepingCapacity: true)
            for index in fields.indices {
                let name = ByteString(fields[index].name)
                if index >= known.count || known[index].name != name {
                    known.removeLast(max(0, known.count - index))
                    known.append((name, delta.tables.fields.add(name)))
                }
                parts.append((known[index].number, index))
            }
            if !zip(parts, parts.dropFirst()).allSatisfy({ $0.number <= $1.number }) {
                parts.sort { ($0.number, $0.index) < ($1.number, $1.index) }
            }
            for part in parts {
                var text = fields[part.index].text
                text.withUTF8 { analyzed.read($0, field: part.number, &tokenizer, &builder) }
            }
            analyzed.endText(&builder)
        }
        return analyzed
    }

    /// The same texts with the numbers of this index.
    ///
    /// An index over another base analyzed the texts. `numbers` keeps the lookups from text to
    /// text.
    package func renumbered(_ texts: AnalyzedTexts, _ numbers: inout PostingsRemapping)
        -> AnalyzedTexts
    {
        if texts.tables.isSame(as: delta.tables) { return texts }
        return texts.renumbered(for: delta.tables) { list in
            numbers.number(of: list, from: texts.tables.dictionary) {
                delta.dictionary.number(of: list, from: texts.tables.dictionary)
            }
        }
    }

    // MARK: Changes, by the one writer

    /// Adds the text at `index` of `texts` as the text of `row`.
    ///
    /// Rows ascend from call to call, possibly with gaps.
    package mutating func add(_ texts: AnalyzedTexts, at index: Int, row: RowID) {
        precondition(row >= rowBound && rowBound == delta.nextRow, "Rows rise.")
        let translation = Translation(texts.tables, delta.tables)
        let postings = texts.postings(of: index)
        for posting in texts.postings[postings] {
            let list = translation?.list(posting.list) ?? posting.list
            let number = translation?.number(posting.postingClass) ?? posting.postingClass
            var reference = posting.positionReference
            if let translation {
                let positions = translation.positions(texts.positions(of: posting))
                reference =
                    positions.count == 1
                    ? positions[0] : delta.addPositionList(positions.count) { positions[$0] }
            } else if reference & AnalyzedTexts.isPositionList != 0 {
                let start = Int(reference & ~AnalyzedTexts.isPositionList)
                reference = delta.addPositionList(Int(texts.positions[start])) {
                    texts.positions[start + 1 + $0]
                }
            }
            delta.append(list, row: row, postingClass: number, positionReference: reference)
            classCount = max(classCount, Int(number) + 1)
        }
        rowBound = row + 1
        delta.nextRow = rowBound
        if !postings.isEmpty {
            documentCount += 1
            for slot in slots.indices { slots[slot].add(texts.length(of: index, slot: slot)) }
            lengths.add(row) { texts.length(of: index, slot: $0) }
        }
    }

    /// Removes a document, given by its text, from the statistics.
    ///
    /// Its postings stay until the next base is written.
    package mutating func remove(_ texts: AnalyzedTexts, at index: Int) {
        let translation = Translation(texts.tables, delta.tables)
        let postings = texts.postings(of: index)
        guard !postings.isEmpty else { return }
        for posting in texts.postings[postings] {
            delta.addFrequency(-1, to: translation?.list(posting.list) ?? posting.list)
        }
        removalCount += 1
        delta.removalCount = removalCount
        documentCount = max(0, documentCount - 1)
        for slot in slots.indices { slots[slot].remove(texts.length(of: index, slot: slot)) }
    }
}

/// An index of some rows' texts.
extension PostingsTextIndex {
    /// - Complexity: O(rows); the searches count the postings of their words.
    package func restricted(to rows: VisibleRows) -> any TextIndex {
        var index = self
        index.visible = rows
        (index.documentCount, index.slots) = lengths.statistics(of: rows.rows)
        // The pool keeps the class weights of one set of average lengths.
        index.scratch = ScratchPool()
        return index
    }

    /// The number of visible documents in a list of the base.
    func frequency(of list: PostingsHeader, among visible: VisibleRows) -> Int {
        guard let base else { return 0 }
        var count = 0
        visible.rows.withWords { words in
            base.forEachEntry(of: list) { (rowBlock, postings) in
                for offset in base.columns(of: postings).rows {
                    let row = rowBlock << 16 | Int(offset)
                    if row / 64 < words.count { count += Int(words[row / 64] >> (row % 64) & 1) }
                }
            }
        }
        return count
    }

    /// The number of visible documents in a list of the delta.
    func frequency(ofDeltaList list: UInt32, among visible: VisibleRows) -> Int {
        var count = 0
        var number = delta.firstNode(of: list)
        while number != 0 {
            let node = delta.node(number)
            for index in 0..<node.count {
                let posting = DeltaPosting(node.postings[index].load(ordering: .relaxed))
                let row = RowID(rowBlock: Int(node.rowBlock), offset: posting.row)
                if visible.rows.contains(row) { count += 1 }
            }
            number = node.next
        }
        return count
    }
}

/// The statistics of a slot, for the average length of its field.
package struct SlotStatistics: Sendable, Equatable {
    /// The number of documents with counted words in the slot.
    package var documents = 0
    /// The number of these words.
    package var words = 0

    mutating func add(_ length: Int) {
        if length == 0 { return }
        documents += 1
        words += length
    }

    mutating func remove(_ length: Int) {
        if length == 0 { return }
        documents = max(0, documents - 1)
        words = max(0, words - length)
    }
}

/// A translation of the numbers of one index to those of another.
private struct Translation {
    private let old: TextTables
    private let new: TextTables
    private let fields: [Int]?

    /// `nil` when the numbers are the same.
    init?(_ old: TextTables, _ new: TextTables) {
        if old.isSame(as: new) { return nil }
        self.old = old
        self.new = new
        fields = new.fields.numbers(from: old.fields)
    }

    func list(_ number: UInt32) -> UInt32 {
        new.dictionary.number(of: number, from: old.dictionary)
    }

    func number(_ postingClass: UInt16) -> UInt16 {
        new.classes.number(of: old.classes.postingClass(postingClass))
    }

    func positions(_ positions: ContiguousArray<UInt32>) -> [UInt32] {
        positions.map { Position.renumbered($0, fields) }.sorted()
    }
}
