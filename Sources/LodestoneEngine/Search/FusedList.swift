// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import LodestoneStructures

/// The documents of several lists, while the scores and ranks of their sources are added up.
struct FusedList {
    /// A document and its sums so far.
    private struct Entry {
        let row: RowID
        /// Whether no list has the document among its candidates.
        var isDeep = true
        /// The sum of the values of its scores.
        var sum = 0.0
        /// The floor of `sum`: the largest lift that a source gives the document; 0 without one.
        var lift = 0.0
        /// The sum of the values of its ranks.
        var ranks = 0.0
        var sources: [SourceScore] = []

        var score: Double { max(sum, lift) + ranks }
    }

    /// A source's scores by entry, and its ranks.
    private struct Source {
        /// The score of each entry; NaN where the source has none.
        var scores: [Double]
        /// The source's own hits in their order: entry, rank, and the number of hits with this rank
        /// or a better one.
        var hits: [(entry: Int, rank: Int, end: Int)] = []
        var scale: SourceScale
    }

    private var entries: [Entry] = []

    /// Adds up the scores and ranks of all sources.
    ///
    /// - Parameters:
    ///   - fusion: The formula.
    ///   - lists: One list per source.
    ///   - weights: One weight per source.
    ///   - withSources: Whether hits contain the score and rank of each source.
    init(_ fusion: Fusion, _ lists: [RankedList], weights: [Double], withSources: Bool) {
        let count = lists.reduce(0) { $0 + $1.rows.count }
        var positions: [RowID: Int] = [:]
        entries.reserveCapacity(count)
        positions.reserveCapacity(count)
        for list in lists {
            for (index, row) in list.rows.enumerated() {
                let position = positions[row, default: entries.count]
                if position == entries.count {
                    positions[row] = position
                    entries.append(Entry(row: row))
                }
                if index < list.candidates { entries[position].isDeep = false }
            }
        }
        var sources = lists.indices.map { index in
            scored(fusion, lists[index], index, weights: weights, positions, withSources)
        }
        for index in sources.indices where lists[index].scoresOthers {
            let judged = sources.indices.lazy
                .filter { $0 != index && sources[$0].scale.hasSay }
                .flatMap { other in
                    sources[other].hits.lazy.prefix(lists[other].candidates)
                        .prefix { SourceScale.isJudged($0.rank) }
                        .map { sources[index].scores[$0.entry] }
                }
            sources[index].scale.compare(with: Array(judged), weights: weights)
        }
        for (index, source) in sources.enumerated() { add(source, lists[index]) }
    }

    /// The scores and hits of one source, by entry.
    private mutating func scored(
        _ fusion: Fusion,
        _ list: RankedList,
        _ index: Int,
        weights: [Double],
        _ positions: [RowID: Int],
        _ withSources: Bool
    ) -> Source {
        var scores = [Double](repeating: .nan, count: entries.count)
        for (position, row) in list.rows.enumerated() {
            guard let entry = positions[row] else { continue }
            // A larger limit makes the list longer. So below its own candidates, the list may have
            // scores of some candidates of other sources, and their number depends on the limit.
            // Such a score counts only if the source scores all candidates of the others
            // (`scoresOthers`). Otherwise the limit would change the order.
            if position < list.candidates || list.scoresOthers || entries[entry].isDeep {
                scores[entry] = list.scores[position]
            }
        }
        for (row, score) in list.others {
            if let entry = positions[row] { scores[entry] = score }
        }
        let scale = SourceScale(fusion, list, index, of: weights) { body in
            for (entry, score) in scores.enumerated() where !entries[entry].isDeep { body(score) }
        }
        var source = Source(scores: scores, scale: scale)
        source.hits.reserveCapacity(list.rows.count)
        var start = 0
        while start < list.rows.count {
            // Equal scores have equal ranks and values, and their order is that of the rows.
            var end = start + 1
            while end < list.rows.count, scale.areEqual(list.scores[start], list.scores[end]) {
                end += 1
            }
            for position in start..<end {
                guard let entry = positions[list.rows[position]] else { continue }
                source.hits.append((entry, start + 1, end))
                if !scores[entry].isNaN { source.scores[entry] = list.scores[start] }
                guard withSources else { continue }
                entries[entry].sources.append(
                    SourceScore(source: index, rank: start + 1, score: list.scores[position])
                )
            }
            start = end
        }
        guard withSources else { return source }
        for (row, score) in list.others {
            guard let entry = positions[row] else { continue }
            entries[entry].sources.append(SourceScore(source: index, rank: nil, score: score))
        }
        return source
    }

    /// Adds a source's scores, ranks and lifts to the entries.
    private mutating func add(_ source: Source, _ list: RankedList) {
        guard source.scale.hasSay else { return }
        for (entry, score) in source.scores.enumerated() {
            entries[entry].sum += source.scale.value(of: score)
        }
        for (position, hit) in source.hits.enumerated() where list.scores[position].isFinite {
            // A rank below the candidates counts only for deep entries, because a smaller limit
            // would not find it.
            guard position < list.candidates || entries[hit.entry].isDeep else { continue }
            let end = position < list.candidates ? min(hit.end, list.candidates) : hit.end
            entries[hit.entry].ranks += source.scale.value(ofRank: hit.rank, end: end)
            entries[hit.entry].lift = max(
                entries[hit.entry].lift,
                source.scale.lift(of: list.scores[position], end: end)
            )
        }
    }

    /// The best hits: candidates first, then deep entries, whose scores are cut to that of the last
    /// candidate.
    func hits(limit: Int) -> [FusedHit] {
        var first: [FusedHit] = []
        var deep: [FusedHit] = []
        first.reserveCapacity(entries.count)
        for entry in entries {
            let hit = FusedHit(row: entry.row, score: entry.score, sources: entry.sources)
            if entry.isDeep { deep.append(hit) } else { first.append(hit) }
        }
        first.sort(by: FusedHit.isBetter)
        if first.count >= limit { return Array(first.prefix(limit)) }
        deep.sort(by: FusedHit.isBetter)
        let least = first.last?.score ?? .infinity
        for var hit in deep.prefix(limit - first.count) {
            hit.score = min(hit.score, least)
            first.append(hit)
        }
        return first
    }
}
