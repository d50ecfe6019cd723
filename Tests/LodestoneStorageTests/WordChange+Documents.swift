// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import LodestoneText

extension WordChange {
    /// The words of new documents of a collection with the default options.
    init(for documents: [Document]) {
        let options = TextOptions()
        self.init(options, adding: documents.map { FTS5Analysis().words(of: $0.text, options) })
    }
}
