// SPDX-License-Identifier: Apache-2.0

/// Texts cut into words, counted and looked up, ready to be added to an index or removed from it.
///
/// `PostingsTextIndex.analyze` makes them on any thread, so that the one writer has the least to
/// do.
package struct AnalyzedTexts: Sendable {
    /// An entry of a text in a postings list.
    struct Occurrence {
        var list: UInt32
        /// The only position; with `isRun` the place in `positions` of a count and of so many
        /// positions.
        var place: UInt32
        var postingClass: UInt16
    }

    /// Marks a place where several positions lie.
    static let isRun: UInt32 = 1 << 31

    private(set) var tables: TextTables
    private(set) var occurrences: ContiguousArray<Occurrence> = []
    private(set) var positions: ContiguousArray<UInt32> = []
    /// The end of each text's occurrences.
    private var ends: ContiguousArray<Int> = []
    /// The number of words that count in each slot, text by text.
    private var lengths: ContiguousArray<UInt32> = []

    init(_ tables: TextTables) {
        self.tables = tables
    }

    /// The number of texts.
    package var count: Int { ends.count }

    /// Bytes of memory, roughly.
    package var byteCount: Int {
        occurrences.count * MemoryLayout<Occurrence>.stride
            + (positions.count + lengths.count) * 4 + ends.count * 8
    }

    /// The same texts with the numbers of other tables.
    func renumbered(for tables: TextTables, _ number: (UInt32) -> UInt32) -> AnalyzedTexts {
        var texts = self
        let fields = tables.fields.numbers(from: self.tables.fields)
        texts.tables = tables
        texts.positions = []
        for place in texts.occurrences.indices {
            let old = occurrences[place]
            texts.occurrences[place].list = number(old.list)
            texts.occurrences[place].postingClass = tables.classes.number(
                of: self.tables.classes.postingClass(old.postingClass)
            )
            let renumbered = positions(of: old).map { Position.renumbered($0, fields) }.sorted()
            texts.occurrences[place].place = texts.place(of: ContiguousArray(renumbered))
        }
        return texts
    }

    /// The occurrences of a text.
    func occurrences(of text: Int) -> Range<Int> {
        (text == 0 ? 0 : ends[text - 1])..<ends[text]
    }

    /// The number of words of a text that count in a slot, with repetitions.
    func length(of text: Int, slot: Int) -> Int {
        Int(lengths[text * tables.fields.slotCount + slot])
    }

    /// The positions of an occurrence, in order.
    func positions(of occurrence: Occurrence) -> ContiguousArray<UInt32> {
        guard occurrence.place & Self.isRun != 0 else { return [occurrence.place] }
        let start = Int(occurrence.place & ~Self.isRun)
        return ContiguousArray(positions[(start + 1)...].prefix(Int(positions[start])))
    }

    /// The words and keys of the text under way.
    struct Lists {
        fileprivate var words: ContiguousArray<NormalizedToken> = []
        /// One key per word: its stem (high half) and its number in the text (low half).
        fileprivate var keys: ContiguousArray<UInt64> = []
        /// The list of each word.
        fileprivate var forms: ContiguousArray<UInt32> = []
        fileprivate var fields: ContiguousArray<Field> = []
        fileprivate var lengths: ContiguousArray<UInt32> = []
        /// The class of a word that occurs once, for each slot.
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
        /// The number behind the field's last word.
        var end = 0
    }

    /// Analyzes the text of a field, as UTF-8; field numbers don't fall from call to call.
    ///
    /// Extra words stand behind all others, so that they are in no phrase. The caller uses the
    /// tokenizer and the lists again for the next field and text.
    func read(
        _ text: UnsafeBufferPointer<UInt8>,
        field number: Int,
        _ tokenizer: inout Tokenizer,
        _ lists: inout Lists
    ) {
        var field = nextField(number, lists)
        var length: UInt32 = 0
        // Short words are collected first and looked up together. The CPU then mispredicts no ends
        // of words in between, and waits for several places of the dictionary at once.
        tokenizer.forEachWord(in: text) { word in
            if word.long == nil {
                lists.words.append(word)
                return
            }
            resolve(&lists, &length)
            lists.words.append(word)
            resolve(&lists, &length)
        }
        resolve(&lists, &length)
        end(&field, length, &lists)
        guard tokenizer.hasExtras else { return }
        field = nextField(number, lists)
        length = 0
        tokenizer.forEachExtra(in: text) { word, _ in
            lists.words.append(word)
            resolve(&lists, &length)
        }
        end(&field, length, &lists)
    }

    /// A field whose words come next.
    private func nextField(_ number: Int, _ lists: Lists) -> Field {
        let start = UInt32(truncatingIfNeeded: lists.keys.count)
        var place: UInt32 = 0
        if let last = lists.fields.last, last.number == number {
            // A gap, so that no phrase crosses it.
            place = ((start &+ last.shift) & Position.placeMask) + 1
        }
        return Field(
            number: number,
            slot: tables.fields.slot(of: number),
            shift: UInt32(number) << Position.bits &+ place &- start
        )
    }

    private func end(_ field: inout Field, _ length: UInt32, _ lists: inout Lists) {
        field.end = lists.keys.count
        lists.fields.append(field)
        lists.lengths[field.slot] += length
    }

    /// Looks up the words that were collected.
    private func resolve(_ lists: inout Lists, _ length: inout UInt32) {
        var number = UInt64(lists.keys.count)
        for word in lists.words {
            let entry = tables.dictionary.entry(of: word)
            lists.keys.append(UInt64(entry.stem) << 32 | number)
            lists.forms.append(entry.list)
            length &+= entry.isStopWord ? 0 : 1
            number += 1
        }
        lists.words.removeAll(keepingCapacity: true)
    }

    /// Adds the text whose fields were read.
    mutating func endText(_ lists: inout Lists) {
        Self.sort(&lists.keys)
        lists.findSingles(tables.classes)
        var index = 0
        while index < lists.keys.count {
            let stem = lists.keys[index] >> 32
            var end = index + 1
            while end < lists.keys.count, lists.keys[end] >> 32 == stem { end += 1 }
            if end == index + 1 {
                addSingle(Int(truncatingIfNeeded: lists.keys[index] & 0xFFFF_FFFF), &lists)
            } else {
                addRepeated(index..<end, &lists)
            }
            index = end
        }
        ends.append(occurrences.count)
        lengths.append(contentsOf: lists.lengths)
        lists.keys.removeAll(keepingCapacity: true)
        lists.forms.removeAll(keepingCapacity: true)
        lists.fields.removeAll(keepingCapacity: true)
        for slot in lists.lengths.indices { lists.lengths[slot] = 0 }
    }

    /// Adds a stem that has one word in the text.
    @inline(__always)
    private mutating func addSingle(_ word: Int, _ lists: inout Lists) {
        let field = lists.field(of: word)
        occurrences.append(
            Occurrence(
                list: lists.forms[word],
                place: UInt32(truncatingIfNeeded: word) &+ field.shift,
                postingClass: lists.singles[field.slot]
            )
        )
    }

    /// Adds a stem that has several words in the text, by their keys.
    private mutating func addRepeated(_ keys: Range<Int>, _ lists: inout Lists) {
        let form = lists.form(at: keys.lowerBound)
        let isMixed = keys.contains { lists.form(at: $0) != form }
        occurrences.append(
            Occurrence(
                list: isMixed ? tables.dictionary.list(.mixed, beside: form) : form,
                place: place(of: keys, nil, lists),
                postingClass: lists.classNumber(of: keys, nil, tables.classes)
            )
        )
        guard isMixed else { return }
        var forms: [UInt32] = []
        for key in keys where !forms.contains(lists.form(at: key)) {
            forms.append(lists.form(at: key))
        }
        for form in forms {
            occurrences.append(
                Occurrence(
                    list: tables.dictionary.list(.among, beside: form),
                    place: place(of: keys, form, lists),
                    postingClass: lists.classNumber(of: keys, form, tables.classes)
                )
            )
        }
    }

    /// Stores the positions of the words of `keys`, or only of those with the form `form`.
    private mutating func place(of keys: Range<Int>, _ form: UInt32?, _ lists: Lists) -> UInt32 {
        let start = positions.count
        positions.append(0)
        for key in keys where form == nil || lists.form(at: key) == form {
            let word = lists.word(at: key)
            positions.append(UInt32(truncatingIfNeeded: word) &+ lists.field(of: word).shift)
        }
        let count = positions.count - start - 1
        if count == 1 {
            defer { positions.removeLast(2) }
            return positions[start + 1]
        }
        positions[start] = UInt32(count)
        return Self.isRun | UInt32(start)
    }

    /// Stores positions and returns their place.
    private mutating func place(of list: ContiguousArray<UInt32>) -> UInt32 {
        if list.count == 1 { return list[0] }
        defer {
            positions.append(UInt32(list.count))
            positions.append(contentsOf: list)
        }
        return Self.isRun | UInt32(positions.count)
    }

    /// Short lists, nearly all of them, are sorted faster by hand.
    private static func sort(_ keys: inout ContiguousArray<UInt64>) {
        guard keys.count <= 48 else { return keys.sort() }
        keys.withUnsafeMutableBufferPointer { keys in
            var end = 1
            while end < keys.count {
                let key = keys[end]
                var place = end
                while place > 0, keys[place - 1] > key {
                    keys[place] = keys[place - 1]
                    place -= 1
                }
                keys[place] = key
                end += 1
            }
        }
    }
}

extension AnalyzedTexts.Lists {
    /// The field that a word stands in.
    @inline(__always)
    fileprivate func field(of word: Int) -> AnalyzedTexts.Field {
        var low = 0
        // A document may have any number of fields, but few have many.
        var high = fields.count - 1
        while high - low > 4 {
            let middle = (low + high) / 2
            if fields[middle].end <= word { low = middle + 1 } else { high = middle }
        }
        while fields[low].end <= word { low += 1 }
        return fields[low]
    }

    /// Looks up the classes of words that occur once, so that few postings need a lookup.
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
        // Slots don't fall from word to word, because fields don't.
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
        let place = Int(truncatingIfNeeded: mixed >> 56)
        if entries[place].postingClass == postingClass { return entries[place].number }
        let number = table.number(of: postingClass)
        entries[place] = (postingClass, number)
        return number
    }
}
