// SPDX-License-Identifier: Apache-2.0

/// The weights of a query that a postings list adds, as places among the query's weights.
struct TermContribution {
    let stem: Int?
    let form: Int?

    init(stem: Int?, form: Int?) {
        self.stem = stem
        self.form = form
    }

    /// The share of a list of a kind.
    ///
    /// A list of the kind `among` counts its form only: the list `mixed` counts the stem of its
    /// documents.
    init(_ kind: PostingList.Kind, stem: Int, form: Int?) {
        self.init(stem: kind == .among ? nil : stem, form: form)
    }

    /// The weight of an occurrence.
    func weight(_ weights: [UInt64]) -> UInt64 {
        (stem.map { weights[$0] } ?? 0) + (form.map { weights[$0] } ?? 0)
    }
}

/// The kinds of lists that share the postings of a stem.
///
/// They let a word in its exact form count more than another form of its stem, at the cost of one
/// list.
///
/// A document that has a stem in one form, as nearly all do, is in the list `alone` of that form. A
/// document that has several forms is in the list `mixed` of the stem. It is also in a list `among`
/// for each form, which counts that form's occurrences. The lists `alone` and `mixed` of a stem
/// together hold the documents of the stem, each once. The lists `alone` and `among` of a form hold
/// the documents of the word.
enum PostingList {
    /// The kind of a list.
    enum Kind: UInt8 {
        case mixed = 0
        case alone = 1
        case among = 2
    }

    /// The bound above all markers; a marker stands between the stem and the rest of a key.
    ///
    /// Markers are smaller than every byte of a word, so that the lists of a stem lie together, and
    /// those of a prefix, too.
    private static let markerBound: UInt8 = 24

    /// The key of a list in a base: the stem, a marker, and the end of the form where it differs
    /// from the stem.
    ///
    /// The marker holds the kind (times 8) and the number of the stem's last bytes that the form
    /// lacks, up to 6. With 7 the whole form follows. A long stem that lost the accent of its first
    /// letter needs this.
    static func key(_ kind: Kind, stem: [UInt8], word: [UInt8]) -> [UInt8] {
        let common = zip(stem, word).prefix { $0 == $1 }.count
        let cut = min(whole, stem.count - common)
        return stem + [kind.rawValue << 3 | UInt8(cut)]
            + word.dropFirst(cut == whole ? 0 : common)
    }

    /// The number in a marker for a form that doesn't go on from its stem.
    private static let whole = 7

    /// A decoded key.
    struct Key {
        let kind: Kind
        private let bytes: UnsafeBufferPointer<UInt8>
        private let marker: Int
        /// The number of bytes that stem and form share.
        private let shared: Int

        /// `nil` for bytes that aren't a key.
        init?(_ bytes: UnsafeBufferPointer<UInt8>) {
            var marker = 0
            while marker < bytes.count, bytes[marker] >= markerBound { marker += 1 }
            self.init(bytes, marker: marker)
        }

        /// A key whose stem ends at `marker`; `nil` when the stem doesn't end there.
        init?(_ bytes: UnsafeBufferPointer<UInt8>, marker: Int) {
            guard marker < bytes.count, let kind = Kind(rawValue: bytes[marker] >> 3) else {
                return nil
            }
            let cut = Int(bytes[marker] & 7)
            guard cut == whole || cut <= marker else { return nil }
            self.kind = kind
            self.bytes = bytes
            self.marker = marker
            shared = cut == whole ? 0 : marker - cut
        }

        var stem: Slice<UnsafeBufferPointer<UInt8>> { bytes[..<marker] }

        /// The word of the list; `nil` for `mixed`.
        var word: [UInt8]? {
            kind == .mixed ? nil : Array(bytes[..<shared]) + Array(bytes[(marker + 1)...])
        }

        /// Whether the list is `alone` or `among` of this word.
        func isList(of word: NormalizedToken) -> Bool {
            guard kind != .mixed, word.count == shared + bytes.count - marker - 1 else {
                return false
            }
            return (0..<word.count).allSatisfy { place in
                word[place] == bytes[place < shared ? place : place - shared + marker + 1]
            }
        }
    }
}
