// SPDX-License-Identifier: Apache-2.0

/// The weights that a postings list contributes to a query, as indexes of the query's weights.
struct TermContribution {
    let stem: Int?
    let form: Int?

    init(stem: Int?, form: Int?) {
        self.stem = stem
        self.form = form
    }

    /// The contribution of a list of a kind.
    ///
    /// A list of the kind `formOfMixed` contributes only its form: the list `mixedForms`
    /// contributes the stem of its documents.
    init(_ kind: PostingListKey.Kind, stem: Int, form: Int?) {
        self.init(stem: kind == .formOfMixed ? nil : stem, form: form)
    }

    /// The weight of a posting.
    func weight(_ weights: [UInt64]) -> UInt64 {
        (stem.map { weights[$0] } ?? 0) + (form.map { weights[$0] } ?? 0)
    }
}
