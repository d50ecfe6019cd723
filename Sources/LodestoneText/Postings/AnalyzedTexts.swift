// SPDX-License-Identifier: Apache-2.0

/// Analyzed texts, ready to be added to an index or removed from it: words are cut, counted and
/// looked up.
///
/// `PostingsTextIndex.analyze` makes them on any thread, so that little work is left for the one
/// writer.
package struct AnalyzedTexts: Sendable {
    /// A posting of a text in one list.
    struct TermPosting {
        var list: UInt32
        /// The only position; with `isPositionList`, the index of a position list in `positions`: a
        /// count, then the positions.
        var positionReference: UInt32
        var postingClass: UInt16
    }

    /// The bit of a position reference to a position list.
    static let isPositionList: UInt32 = 1 << 31

    private(set) var tables: TextTables
    private(set) var postings: ContiguousArray<TermPosting> = []
    private(set) var positions: ContiguousArray<UInt32> = []
    /// The end of each text's postings.
    private var ends: ContiguousArray<Int> = []
    /// The number of counted words in each slot, text by text.
    private var lengths: ContiguousArray<UInt32> = []

    init(_ tables: TextTables) {
        self.tables = tables
    }

    /// The number of texts.
    package var count: Int { ends.count }

    /// An estimate of the bytes of memory.
    package var byteCount: Int {
        postings.count * MemoryLayout<TermPosting>.stride
            + (positions.count + lengths.count) * 4 + ends.count * 8
    }

    /// The same texts with the numbers of other tables.
    func renumbered(for tables: TextTables, _ number: (UInt32) -> UInt32) -> AnalyzedTexts {
        var texts = self
        let fields = tables.fields.numbers(from: self.tables.fields)
        texts.tables = tables
        texts.positions = []
        for index in texts.postings.indices {
            let old = postings[index]
            texts.postings[index].list = number(old.list)
            texts.postings[index].postingClass = tables.classes.number(
                of: self.tables.classes.postingClass(old.postingClass)
            )
            let renumbered = positions(of: old).map { Position.renumbered($0, fields) }.sorted()
            texts.postings[index].positionReference = texts.store(ContiguousArray(renumbered))
        }
        return texts
    }

    /// The postings of a text.
    func postings(of text: Int) -> Range<Int> {
        (text == 0 ? 0 : ends[text - 1])..<ends[text]
    }

    /// The number of counted words of a text in a slot, with repetitions.
    func length(of text: Int, slot: Int) -> Int {
        Int(lengths[text * tables.fields.slotCount + slot])
    }

    /// The positions of a posting, in order.
    func positions(of posting: TermPosting) -> ContiguousArray<UInt32> {
        guard posting.positionReference & Self.isPositionList != 0 else {
            return [posting.positionReference]
        }
        let start = Int(posting.positionReference & ~Self.isPositionList)
        return ContiguousArray(positions[(start + 1)...].prefix(Int(positions[start])))
    }

    /// The words and keys of the text under analysis.
    struct Builder {
        fileprivate var words: ContiguousArray<NormalizedToken> = []
        /// One key per word: the stem (high half), and the word's number in the text (low half).
        fileprivate var keys: ContiguousArray<UInt64> = []
        /// The list of each word.
        fileprivate var forms: ContiguousArray<UInt32> = []
        fileprivate var fields: ContiguousArray<Field> = []
        fileprivate var lengths: ContiguousArray<UInt32> = []
        /// Per slot, the class of a word that occurs once.
        fileprivate var singles: ContiguousArray<UInt16> = []
        fileprivate var cache = ClassCache()

        init(_ tables: TextTables) {
            lengths = ContiguousArray(repeating: 0, count: tables.fields.slotCount)
            singles = ContiguousArray(repeating: 0, count: tables.fields.slotCount)
        }
    }

    /// The words of one field in a text.
    fileprivate struct Field {
        let number: Int
        let slot: Int
        /// A word's position is the word's number plus this shift.
        let shift: UInt32
        /// The number after the field's last word.
        var end = 0
    }

    /// Analyzes the text of a field, in UTF-8; field numbers must not decrease from call to call.
    ///
    /// Extra words come after all others, so that no phrase has them. The tokenizer and the builder
    /// serve the next field and text, too.
    func read(
        _ text: UnsafeBufferPointer<UInt8>,
        field number: Int,
        _ tokenizer: inout Tokenizer,
        _ builder: inout Builder
    ) {
        var field = nextField(number, builder)
        var length: UInt32 = 0
        // Short words are collected first and looked up together. The CPU then mispredicts fewer
        // branches, and waits for several entries of the dictionary at once.
        tokenizer.forEachWord(in: text) { word in
            if word.long == nil {
                builder.words.append(word)
                return
            }
            resolve(&builder, &length)
            builder.words.append(word)
            resolve(&builder, &length)
        }
        resolve(&builder, &length)
        end(&field, length, &builder)
        guard tokenizer.hasExtras else { return }
        field = nextField(number, builder)
        length = 0
        tokenizer.forEachExtra(in: text) { word, _ in
            builder.words.append(word)
            resolve(&builder, &length)
        }
        end(&field, length, &builder)
    }

    /// The field of the next words.
    private func nextField(_ number: Int, _ builder: Builder) -> Field {
        let start = UInt32(truncatingIfNeeded: builder.keys.count)
        var position: UInt32 = 0
        if let last = builder.fields.last, last.number == number {
            // A gap, so that no phrase crosses it.
            position = ((start &+ last.shift) & Position.offsetMask) + 1
        }
        return Field(
            number: number,
            slot: tables.fields.slot(of: number),
            shift: UInt32(number) << Position.bits &+ position &- start
        )
    }

    private func end(_ field: inout Field, _ length: UInt32, _ builder: inout Builder) {
        field.end = builder.keys.count
        builder.fields.append(field)
        builder.lengths[field.slot] += length
    }

    /// Looks up the collected words.
    private func resolve(_ builder: inout Builder, _ length: inout UInt32) {
        var number = UInt64(builder.keys.count)
        for word in builder.words {
            let entry = tables.dictionary.entry(of: word)
            builder.keys.append(UInt64(entry.stem) << 32 | number)
            builder.forms.append(entry.list)
            length &+= entry.isStopWord ? 0 : 1
            number += 1
        }
        builder.words.removeAll(keepingCapacity: true)
    }

    /// Ends a text after its fields were read.
    mutating func endText(_ builder: inout Builder) {
        Self.sort(&builder.keys)
        builder.findSingles(tables.classes)
        var index = 0
        while index < builder.keys.count {
            let stem = builder.keys[index] >> 32
            var end = index + 1
            while end < builder.keys.count, builder.keys[end] >> 32 == stem { end += 1 }
            if end == index + 1 {
                addSingle(Int(truncatingIfNeeded: builder.keys[index] & 0xFFFF_FFFF), &builder)
            } else {
                addRepeated(index..<end, &builder)
            }
            index = end
        }
        ends.append(postings.count)
        lengths.append(contentsOf: builder.lengths)
        builder.keys.removeAll(keepingCapacity: true)
        builder.forms.removeAll(keepingCapacity: true)
        builder.fields.removeAll(keepingCapacity: true)
        for slot in builder.lengths.indices { builder.lengths[slot] = 0 }
    }

    /// Adds a stem that has one word in the text.
    @inline(__always)
    private mutating func addSingle(_ word: Int, _ builder: inout Builder) {
        let field = builder.field(of: word)
        postings.append(
            TermPosting(
                list: builder.forms[word],
                positionReference: UInt32(truncatingIfNeeded: word) &+ field.shift,
                postingClass: builder.singles[field.slot]
            )
        )
    }

    /// Adds a stem that has several words in the text, by their keys.
    private mutating func addRepeated(_ keys: Range<Int>, _ builder: inout Builder) {
        let form = builder.form(at: keys.lowerBound)
        let isMixed = keys.contains { builder.form(at: $0) != form }
        postings.append(
            TermPosting(
                list: isMixed ? tables.dictionary.list(.mixedForms, like: form) : form,
                positionReference: storePositions(of: keys, nil, builder),
                postingClass: builder.classNumber(of: keys, nil, tables.classes)
            )
        )
        guard isMixed else { return }
        var forms: [UInt32] = []
        for key in keys where !forms.contains(builder.form(at: key)) {
            forms.append(builder.form(at: key))
        }
        for form in forms {
            postings.append(
                TermPosting(
                    list: tables.dictionary.list(.formOfMixed, like: form),
                    positionReference: storePositions(of: keys, form, builder),
                    postingClass: builder.classNumber(of: keys, form, tables.classes)
                )
            )
        }
    }

    /// Stores the positions of the words of `keys`, or only of those with the form `form`.
    ///
    /// - Returns: The position reference.
    private mutating func storePositions(
        of keys: Range<Int>,
        _ form: UInt32?,
        _ builder: Builder
    ) -> UInt32 {
        let start = positions.count
        positions.append(0)
        for key in keys where form == nil || builder.form(at: key) == form {
            let word = builder.word(at: key)
            positions.append(UInt32(truncatingIfNeeded: word) &+ builder.field(of: word).shift)
        }
        let count = positions.count - start - 1
        if count == 1 {
            defer { positions.removeLast(2) }
            return positions[start + 1]
        }
        positions[start] = UInt32(count)
        return Self.isPositionList | UInt32(start)
    }

    /// Stores positions.
    ///
    /// - Returns: The position reference.
    private mutating func store(_ list: ContiguousArray<UInt32>) -> UInt32 {
        if list.count == 1 { return list[0] }
        defer {
            positions.append(UInt32(list.count))
            positions.append(contentsOf: list)
        }
        return Self.isPositionList | UInt32(positions.count)
    }

    /// Insertion sort is faster for short lists, nearly all of them.
    private static func sort(_ keys: inout ContiguousArray<UInt64>) {
        guard keys.count <= 48 else { return keys.sort() }
        keys.withUnsafeMutableBufferPointer { keys in
            var end = 1
            while end < keys.count {
                let key = keys[end]
                var index = end
                while index > 0, keys[index - 1] > key {
                    keys[index] = keys[index - 1]
                    index -= 1
                }
                keys[index] = key
                end += 1
            }
        }
    }
}

extension AnalyzedTexts.Builder {
    /// The field of a word.
    @inline(__always)
    fileprivate func field(of word: Int) -> AnalyzedTexts.Field {
        var low = 0
        // Most documents have few fields.
        var high = fields.count - 1
        while high - low > 4 {
            let middle = (low + high) / 2
            if fields[middle].end <= word { low = middle + 1 } else { high = middle }
        }
        while fields[low].end <= word { low += 1 }
        return fields[low]
    }

    /// Looks up the classes of words that occur once; most postings then need no further lookup.
    fileprivate mutating func findSingles(_ table: FieldNormTable) {
        var start = 0
        for field in fields where field.end > start {
            start = field.end
            let length = Int(lengths[field.slot])
            singles[field.slot] = cache.number(
                of: FieldNormClass(slot: field.slot, frequency: 1, length: length),
                table
            )
        }
    }

    /// The number of the word with a key.
    @inline(__always)
    fileprivate func word(at key: Int) -> Int {
        Int(truncatingIfNeeded: keys[key] & 0xFFFF_FFFF)
    }

    /// The list of the word with a key.
    @inline(__always)
    fileprivate func form(at key: Int) -> UInt32 { forms[word(at: key)] }

    /// The class of the words of `keys`, or only of those with the form `form`.
    fileprivate mutating func classNumber(
        of keys: Range<Int>,
        _ form: UInt32?,
        _ table: FieldNormTable
    ) -> UInt16 {
        var postingClass = FieldNormClass()
        var (slot, frequency) = (0, 0)
        // Slots don't decrease from word to word, because fields don't.
        for key in keys where form == nil || self.form(at: key) == form {
            let next = field(of: word(at: key)).slot
            if next != slot, frequency > 0 {
                postingClass = postingClass.with(
                    slot: slot,
                    frequency: frequency,
                    length: Int(lengths[slot])
                )
                frequency = 0
            }
            slot = next
            frequency += 1
        }
        return cache.number(
            of: postingClass.with(
                slot: slot,
                frequency: frequency,
                length: Int(lengths[slot])
            ),
            table
        )
    }
}

/// A cache of class numbers, so that few classes need the lock of their table.
private struct ClassCache {
    private static let count = 256
    private var entries = ContiguousArray<(postingClass: FieldNormClass, number: UInt16)>(
        repeating: (FieldNormClass(), 0),
        count: count
    )

    /// The number of a class, which isn't empty.
    @inline(__always)
    mutating func number(of postingClass: FieldNormClass, _ table: FieldNormTable) -> UInt16 {
        let mixed =
            postingClass.frequencies &* 0x9E37_79B9_7F4A_7C15
            ^ postingClass.lengths &* 0xC2B2_AE3D_27D4_EB4F
        let index = Int(truncatingIfNeeded: mixed >> 56)
        if entries[index].postingClass == postingClass { return entries[index].number }
        let number = table.number(of: postingClass)
        entries[index] = (postingClass, number)
        return number
    }
}
