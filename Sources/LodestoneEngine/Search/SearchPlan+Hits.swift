// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import LodestoneText

/// The hits of a search, with the requested parts of their documents.
extension SearchPlan {
    /// The bytes of memory of a hit with an id of usual length.
    private static let hitByteCount = MemoryLayout<Hit>.stride + 48

    func hits(_ fused: [FusedHit], of query: Query, _ texts: [TextSourceQuery?])
        throws(LodestoneError) -> [Hit]
    {
        let highlighter = try query.highlight.map { (highlight) throws(LodestoneError) in
            Highlighter(
                try view.textIndex.highlightTerms(
                    of: texts.compactMap { $0?.query },
                    in: textScope
                ),
                highlight
            )
        }
        // The hits are charged before their ids are created.
        try context.charge(
            wire: 0,
            memory: fused.reduce(0) { sum, hit in
                sum + Self.hitByteCount + hit.sources.count * MemoryLayout<SourceScore>.stride
            }
        )
        var wireByteCount = 0
        var hits: [Hit] = []
        hits.reserveCapacity(fused.count)
        for (found, id) in zip(fused, view.ids(of: fused.map(\.row))) {
            guard let id else { continue }
            var hit = Hit(id: id, score: found.score, sourceScores: found.sources)
            // The charge for a document includes its id.
            if !query.include.needsDocument { wireByteCount += id.string.utf8.count }
            if query.include.needsDocument || highlighter != nil {
                try context.check()
                try addParts(to: &hit, of: found.row, query.include, highlighter)
            }
            hits.append(hit)
        }
        try context.charge(wire: wireByteCount, memory: 0)
        return hits
    }

    /// Adds the requested parts of a hit's row.
    private func addParts(
        to hit: inout Hit,
        of row: RowID,
        _ include: Include,
        _ highlighter: Highlighter?
    ) throws(LodestoneError) {
        if include.needsDocument {
            let document = try view.document(row, id: hit.id, include: include, context)
            try context.charge(for: document)
            hit.document = document
        }
        if let highlighter {
            let document = try view.document(row, id: hit.id, include: .text, context)
            hit.highlights = highlighter.fields(of: document.text)
            let byteCount = hit.highlights.reduce(0) { $0 + $1.byteCount }
            try context.charge(wire: byteCount, memory: 2 * byteCount)
        }
    }
}
