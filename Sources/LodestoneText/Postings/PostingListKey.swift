// SPDX-License-Identifier: Apache-2.0

/// The key of a postings list in a base: its stem, its kind and its form.
///
/// A *form* is a folded word of a text: a surface form. The *exact form* of a query's word is that
/// word, folded. Several forms may have one stem.
///
/// The kinds of lists divide the postings of a stem, so that a word in its exact form counts more
/// than another form of the stem, at the cost of one list:
///
///     soleForm     per form: the documents that have the stem in this form alone, as nearly all
///                  do
///     mixedForms   per stem: the documents that have the stem in several forms
///     formOfMixed  per form: the documents of `mixedForms` that have this form, with the form's
///                  positions only
///
/// The lists `soleForm` and `mixedForms` of a stem together have each document of the stem once.
/// The lists `soleForm` and `formOfMixed` of a form have the documents of the form.
struct PostingListKey {
    /// The kind of a list; the raw values are on disk.
    enum Kind: UInt8 {
        case mixedForms = 0
        case soleForm = 1
        case formOfMixed = 2
    }

    /// The bound above all markers.
    ///
    /// A marker is between the stem and the rest of a key.
    ///
    /// Markers are smaller than every byte of a word, so that the lists of a stem are contiguous,
    /// and so are those of a prefix.
    private static let markerBound: UInt8 = 24

    /// The number in a marker before a whole form.
    private static let whole = 7

    /// The bytes of a key: the stem, a marker, and the end of the form that differs from the stem.
    ///
    /// The marker is the kind times 8, plus the number of the stem's last bytes that the form
    /// lacks, up to 6. With 7 the whole form follows, for example for a long stem whose first
    /// letter lost its accent.
    static func bytes(_ kind: Kind, stem: [UInt8], form: [UInt8]) -> [UInt8] {
        let common = zip(stem, form).prefix { $0 == $1 }.count
        let cut = min(whole, stem.count - common)
        return stem + [kind.rawValue << 3 | UInt8(cut)]
            + form.dropFirst(cut == whole ? 0 : common)
    }

    let kind: Kind
    private let bytes: UnsafeBufferPointer<UInt8>
    private let marker: Int
    /// The length of the common prefix of stem and form in bytes.
    private let shared: Int

    /// `nil` for bytes that aren't a key.
    init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        var marker = 0
        while marker < bytes.count, bytes[marker] >= Self.markerBound { marker += 1 }
        self.init(bytes, marker: marker)
    }

    /// A key whose stem ends at `marker`; `nil` when the stem doesn't end there.
    init?(_ bytes: UnsafeBufferPointer<UInt8>, marker: Int) {
        guard marker < bytes.count, let kind = Kind(rawValue: bytes[marker] >> 3) else {
            return nil
        }
        let cut = Int(bytes[marker] & 7)
        guard cut == Self.whole || cut <= marker else { return nil }
        self.kind = kind
        self.bytes = bytes
        self.marker = marker
        shared = cut == Self.whole ? 0 : marker - cut
    }

    var stem: Slice<UnsafeBufferPointer<UInt8>> { bytes[..<marker] }

    /// The form of the list; `nil` for `mixedForms`.
    var form: [UInt8]? {
        kind == .mixedForms ? nil : Array(bytes[..<shared]) + Array(bytes[(marker + 1)...])
    }

    /// Whether the list is `soleForm` or `formOfMixed` of this form.
    func isList(of form: NormalizedToken) -> Bool {
        guard kind != .mixedForms, form.count == shared + bytes.count - marker - 1 else {
            return false
        }
        return (0..<form.count).allSatisfy { index in
            form[index] == bytes[index < shared ? index : index - shared + marker + 1]
        }
    }
}
