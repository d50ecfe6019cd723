// SPDX-License-Identifier: Apache-2.0

/// The key of a postings list in a base: its stem, its kind and its form.
///
/// A *form* is a word as it stands in a text, folded: a surface form. The *exact form* of a query's
/// word is that word, folded. Several forms may have one stem.
///
/// The lists of a stem share its postings by kind, so that a word in its exact form counts more
/// than another form of its stem, at the cost of one list:
///
///     soleForm     per form: the documents that have the stem in this form alone, as nearly all
///                  do
///     mixedForms   per stem: the documents that have the stem in several forms
///     formOfMixed  per form: the documents of `mixedForms` that have this form, with the form's
///                  positions only
///
/// The lists `soleForm` and `mixedForms` of a stem together hold the documents of the stem, each
/// once. The lists `soleForm` and `formOfMixed` of a form hold the documents of the form.
struct PostingListKey {
    /// The kind of a list; the raw values are on disk.
    enum Kind: UInt8 {
        case mixedForms = 0
        case soleForm = 1
        case formOfMixed = 2
    }

    /// The bound above all markers; a marker stands between the stem and the rest of a key.
    ///
    /// Markers are smaller than every byte of a word, so that the lists of a stem lie together, and
    /// those of a prefix, too.
    private static let markerBound: UInt8 = 24

    /// The number in a marker for a form that doesn't go on from its stem.
    private static let whole = 7

    /// The bytes of a key: the stem, a marker, and the end of the form where it differs from the
    /// stem.
    ///
    /// The marker holds the kind (times 8) and the number of the stem's last bytes that the form
    /// lacks, up to 6. With 7 the whole form follows. A long stem that lost the accent of its first
    /// letter needs this.
    static func bytes(_ kind: Kind, stem: [UInt8], form: [UInt8]) -> [UInt8] {
        let common = zip(stem, form).prefix { $0 == $1 }.count
        let cut = min(whole, stem.count - common)
        return stem + [kind.rawValue << 3 | UInt8(cut)]
            + form.dropFirst(cut == whole ? 0 : common)
    }

    let kind: Kind
    private let bytes: UnsafeBufferPointer<UInt8>
    private let marker: Int
    /// The number of bytes that stem and form share.
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
