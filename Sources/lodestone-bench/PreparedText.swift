// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneFiles
import LodestoneStructures
import LodestoneText

/// The text index alone, measured like a library.
///
/// Its queries are analyzed beforehand, and its results are rows instead of ids.
struct PreparedText {
    private let index: PostingsTextIndex
    private let queries: [BooleanQuery]

    /// Writes all texts to one base below `directory`, which must exist, and opens it.
    init(_ texts: [String], _ queries: [String], _ options: TextOptions, in directory: String)
        throws
    {
        var index = PostingsTextIndex(options)
        var row = RowID.first
        for start in stride(from: 0, to: texts.count, by: 1_000) {
            let batch = texts[start..<min(start + 1_000, texts.count)].map { text in
                [TextField(name: "text", text: text)]
            }
            let analyzed = index.analyze(batch)
            for position in batch.indices {
                index.add(analyzed, at: position, row: row)
                row += 1
            }
        }
        let path = directory + "/prepared"
        var writer = try BaseFileWriter(path)
        try index.write(to: &writer) { _ in true }
        try writer.finish()
        guard let base = PostingsTextIndex(from: try BaseFile.open(path), options) else {
            throw BaseFile.damaged(path, "it has no texts")
        }
        self.index = base
        let analyzer = TextAnalyzer(options)
        self.queries = try queries.compactMap { query in
            try TextQueryParser.anyWord(query, limits: .standard, analyzer: analyzer)
                .map { BooleanQuery($0) }
        }
    }

    /// Runs all queries once.
    func pass(limit: Int) throws -> TextPass {
        try TextPass(queries) { query in
            try index.search(query, k: limit) { _ in true }.count
        }
    }
}
