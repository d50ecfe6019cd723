// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage

/// The documents of several lists while what the sources say of them is added up.
struct FusedList {
    /// A document, and what it has so far.
    private struct Entry {
        let row: RowNumber
        /// No list has it among its candidates.
        var isDeep = true
        /// What its scores are worth.
        var sum = 0.0
        /// What it has at least.
        var lift = 0.0
        /// What its ranks add.
        var ranks = 0.0
        var sources: [SourceScore] = []

        var score: Double { max(sum, lift) + ranks }
    }

    /// A source's scores by entry, and its ranks.
    private struct Source {
        /// Of each entry; NaN where the source says nothing.
        var scores: [Double]
        /// Of its own hits, in their order: the entry, the rank, and how many have it or a better one.
        var hits: [(entry: Int, rank: Int, end: Int)] = []
        var scale: SourceScale
    }

    private var entries: [Entry] = []

    /// Adds up what the sources say.
    ///
    /// - Parameters:
    ///   - fusion: By which formula.
    ///   - lists: One per source.
    ///   - weights: One per source.
    ///   - withSources: Whether hits say what each source said of them.
    init(_ fusion: Fusion, _ lists: [RankedList], weights: [Double], withSources: Bool) {
        let count = lists.reduce(0) { $0 + $1.rows.count }
        var places: [RowNumber: Int] = [:]
        entries.reserveCapacity(count)
        places.reserveCapacity(count)
        for list in lists {
            for (index, row) in list.rows.enumerated() {
                let place = places[row, default: entries.count]
                if place == entries.count {
                    places[row] = place
                    entries.append(Entry(row: row))
                }
                if index < list.candidates { entries[place].isDeep = false }
            }
        }
        var sources = lists.indices.map { index in
            scored(fusion, lists[index], index, weights: weights, places, withSources)
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
        _ places: [RowNumber: Int],
        _ withSources: Bool
    ) -> Source {
        var scores = [Double](repeating: .nan, count: entries.count)
        for (place, row) in list.rows.enumerated() {
            guard let entry = places[row] else { continue }
            // A larger limit makes the list longer. A score below its candidates counts for another
            // source's candidate only where the list scores all of these: else the limit would
            // decide.
            if place < list.candidates || list.scoresOthers || entries[entry].isDeep {
                scores[entry] = list.scores[place]
            }
        }
        for (row, score) in list.others {
            if let entry = places[row] { scores[entry] = score }
        }
        let scale = SourceScale(fusion, list, index, of: weights) { body in
            for (entry, score) in scores.enumerated() where !entries[entry].isDeep { body(score) }
        }
        var source = Source(scores: scores, scale: scale)
        source.hits.reserveCapacity(list.rows.count)
        var start = 0
        while start < list.rows.count {
            // Equal scores have equal ranks and values: their order is that of the rows.
            var end = start + 1
            while end < list.rows.count, scale.areEqual(list.scores[start], list.scores[end]) {
                end += 1
            }
            for place in start..<end {
                guard let entry = places[list.rows[place]] else { continue }
                source.hits.append((entry, start + 1, end))
                if !scores[entry].isNaN { source.scores[entry] = list.scores[start] }
                guard withSources else { continue }
                entries[entry].sources.append(
                    SourceScore(source: index, rank: start + 1, score: list.scores[place])
                )
            }
            start = end
        }
        guard withSources else { return source }
        for (row, score) in list.others {
            guard let entry = places[row] else { continue }
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
        for (place, hit) in source.hits.enumerated() where list.scores[place].isFinite {
            // A rank below the candidates counts for deep entries only: a smaller limit would not
            // find it.
            guard place < list.candidates || entries[hit.entry].isDeep else { continue }
            let end = place < list.candidates ? min(hit.end, list.candidates) : hit.end
            entries[hit.entry].ranks += source.scale.value(ofRank: hit.rank, end: end)
            entries[hit.entry].lift = max(
                entries[hit.entry].lift,
                source.scale.lift(of: list.scores[place], end: end)
            )
        }
    }

    /// The best hits: candidates first, then what lies deeper, with no more than the last of those.
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
