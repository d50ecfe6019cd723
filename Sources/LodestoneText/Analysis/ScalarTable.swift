// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The kind of each Unicode scalar in words, and its form in the index.
///
/// A page of 256 scalars is computed at the first use of one of them (20 to 500 µs), and kept.
///
/// Threading: any thread, without a lock.
// Unchecked because of the pointers: pages are atomic and immutable, and a table is never freed.
final class ScalarTable: @unchecked Sendable {
    /// The role of a scalar in words.
    enum Kind: UInt32 {
        /// Ends a word.
        case separator = 0
        /// Begins or continues a word: letters, numbers, private use.
        case letter
        /// A letter of a script that is written without spaces between words.
        case unspaced
        /// Belongs to the unspaced letter before it: vowels and last consonants of Hangul.
        case extending
        /// A mark that stays in its word unchanged.
        case mark
        /// Like `mark`, with a canonical order among consecutive marks.
        case ordered
        /// A mark that composes with the letter before it, or is dropped.
        case combining
        /// Is ignored inside of a word.
        case dropped
        /// Continues a word between two letters.
        case apostrophe
        /// A word of its own.
        case emoji
        /// Half of a flag.
        case regional
    }

    /// The kind and the form of one scalar.
    struct Entry {
        fileprivate let bits: UInt32
        fileprivate let page: UnsafePointer<UInt32>

        @inline(__always)
        var kind: Kind { Kind(rawValue: bits >> 28) ?? .separator }

        /// Whether the scalar is a number; an apostrophe does not join a number to following
        /// letters.
        var isNumber: Bool { bits & ScalarTable.isNumber != 0 }

        /// Whether its form is several scalars; the last one may be a mark.
        @inline(__always)
        var isLong: Bool { bits & ScalarTable.isLong != 0 }

        /// Calls `body` with the scalars of its form.
        @inline(__always)
        func forEachScalar(_ body: (UInt32) -> Void) {
            guard bits & ScalarTable.isLong != 0 else { return body(bits & ScalarTable.value) }
            let start = Int(bits & ScalarTable.value)
            for index in 0..<Int(page[start]) { body(page[start + 1 + index]) }
        }
    }

    /// The bits of an entry: the kind (4 bits), the two flags below, and a scalar or the index of
    /// its scalars.
    fileprivate static let isLong: UInt32 = 1 << 27
    fileprivate static let isNumber: UInt32 = 1 << 26
    fileprivate static let value: UInt32 = 1 << 21 - 1

    /// Letters in lower case, with their accents.
    static let lowered = ScalarTable(keepsAccents: true)
    /// Letters without accents.
    static let folded = ScalarTable(keepsAccents: false)

    private typealias Page = Atomic<UnsafePointer<UInt32>?>

    private let keepsAccents: Bool
    private let pages: UnsafeMutablePointer<Page>

    private init(keepsAccents: Bool) {
        self.keepsAccents = keepsAccents
        pages = .allocate(capacity: 0x1100)
        for number in 0..<0x1100 { (pages + number).initialize(to: Page(nil)) }
    }

    /// The kind and the form of a scalar.
    @inline(__always)
    subscript(scalar: Unicode.Scalar) -> Entry {
        let number = Int(scalar.value >> 8)
        let page = pages[number].load(ordering: .acquiring) ?? make(number)
        return Entry(bits: page[Int(scalar.value & 0xFF)], page: page)
    }

    private func make(_ number: Int) -> UnsafePointer<UInt32> {
        var entries: [UInt32] = []
        var others: [UInt32] = []
        for index in 0..<0x100 {
            guard let scalar = Unicode.Scalar(UInt32(number << 8 | index)) else {
                entries.append(0)
                continue
            }
            let kind = Self.kind(of: scalar, keepsAccents: keepsAccents)
            var entry = kind.rawValue << 28
            if scalar.properties.numericType != nil { entry |= Self.isNumber }
            let form = form(of: scalar, kind)
            if form.count == 1 {
                entry |= form[0].value
            } else {
                entry |= Self.isLong | UInt32(0x100 + others.count)
                others.append(UInt32(form.count))
                others += form.map(\.value)
            }
            entries.append(entry)
        }
        entries += others
        let page = UnsafeMutablePointer<UInt32>.allocate(capacity: entries.count)
        page.initialize(from: entries, count: entries.count)
        let (isOurs, there) = pages[number].compareExchange(
            expected: nil,
            desired: UnsafePointer(page),
            ordering: .acquiringAndReleasing
        )
        if isOurs { return UnsafePointer(page) }
        page.deallocate()
        guard let there else { preconditionFailure("a page was taken away") }
        return there
    }

    private func form(of scalar: Unicode.Scalar, _ kind: Kind) -> [Unicode.Scalar] {
        switch kind {
        case .letter, .unspaced, .extending, .mark, .ordered, .combining:
            keepsAccents ? LetterFolding.lowered(scalar) : LetterFolding.folded(scalar)
        case .separator, .dropped, .apostrophe, .emoji, .regional: [scalar]
        }
    }

    /// The kind of a scalar; where Unicode Standard Annex 29 has a rule, by that rule.
    private static func kind(of scalar: Unicode.Scalar, keepsAccents: Bool) -> Kind {
        if scalar.isASCII {
            if scalar == "'" { return .apostrophe }
            return UnicodeTokenizer.begins(scalar) ? .letter : .separator
        }
        switch scalar.value {
        // Quotes and letters that are used as an apostrophe, and the marks of Hebrew abbreviations.
        case 0x2018, 0x2019, 0x201B, 0x2BB, 0x2BC, 0x2BD, 0xFF07, 0x5F3, 0x5F4: return .apostrophe
        case 0x1160...0x11FF, 0xD7B0...0xD7FB: return .extending
        case 0xFF9E...0xFF9F: return .combining
        case 0x1F1E6...0x1F1FF: return .regional
        default: break
        }
        if LetterFolding.isSilent(scalar) { return .dropped }
        if UnicodeTokenizer.isUnspaced(scalar) { return .unspaced }
        if UnicodeTokenizer.begins(scalar) { return .letter }
        if UnicodeTokenizer.isMark(scalar) {
            if LetterFolding.isAccent(scalar) { return keepsAccents ? .combining : .dropped }
            // Tibetan has vowels that decompose into two.
            if joins.contains(scalar.value) || LetterFolding.composed([scalar]) != [scalar] {
                return .combining
            }
            return scalar.properties.canonicalCombiningClass == .notReordered ? .mark : .ordered
        }
        return isEmoji(scalar) ? .emoji : .separator
    }

    /// Marks other than accents that compose with some letter before them.
    private static let joins: Set<UInt32> = [
        0x653, 0x654, 0x655, 0x93C, 0x9BE, 0x9D7, 0xB3E, 0xB56, 0xB57, 0xBBE, 0xBD7, 0xC56, 0xCC2,
        0xCD5, 0xCD6, 0xD3E, 0xD57, 0xDCA, 0xDCF, 0xDDF, 0x102E, 0x1B35, 0x3099, 0x309A, 0x110BA,
        0x11127, 0x1133E, 0x11357, 0x113B8, 0x113BB, 0x113C2, 0x113C5, 0x113C7, 0x113C8, 0x113C9,
        0x114B0, 0x114BA, 0x114BD, 0x115AF, 0x11930, 0x1611E, 0x1611F, 0x16120, 0x16129, 0x16D67,
        0x16D68,
    ]

    /// Whether a scalar is a picture.
    ///
    /// Signs that became emoji later (`©`, `™`, arrows) are separators.
    private static func isEmoji(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x231A, scalar.properties.isEmoji else { return false }
        switch scalar.value {
        case 0x25AA...0x25FE, 0x2934...0x2935, 0x2B05...0x2B07, 0x3030, 0x303D: return false
        default: return true
        }
    }
}
