// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import LodestoneStructures

/// The documents of several ranked lists, with the fused values of scores and ranks.
///
/// The number of a document is its index in all arrays.
struct FusedList {
    /// A hit of a source.
    fileprivate struct Hit {
        let document: Int
        let rank: Int
        /// The number of the source's hits with this rank or a better one.
        let end: Int
    }

    /// A source's scores by document, and its hits.
    struct Source {
        /// The score of each document; NaN where the source has none.
        fileprivate(set) var scores: [Double]
        /// The position of each document's score in the source's list.
        fileprivate(set) var positions: [RankedList.ScorePosition?]
        /// The source's own hits, in their order.
        fileprivate var hits: [Hit] = []
        fileprivate(set) var scale: SourceScale
    }

    let lists: [RankedList]
    private(set) var sources: [Source] = []
    private let documents: RowTable
    /// Whether the document is deep: no list has it among its candidates.
    private var isDeep: [Bool]
    /// The sum of the values of a document's scores.
    private var sums: [Double]
    /// The largest lift that a source gives the document, a floor of its sum; 0 without a lift.
    private var lifts: [Double]
    /// The sum of the values of a document's ranks.
    private var ranks: [Double]

    /// Adds up the scores and ranks of all sources.
    ///
    /// - Parameters:
    ///   - fusion: The formula.
    ///   - lists: One list per source.
    ///   - weights: One weight per source.
    init(_ fusion: Fusion, _ lists: [RankedList], weights: [Double]) {
        self.lists = lists
        var documents = RowTable(capacity: lists.reduce(0) { $0 + $1.rows.count })
        var isDeep: [Bool] = []
        for list in lists {
            for (index, row) in list.rows.enumerated() {
                let document = documents.insert(row)
                if document == isDeep.count { isDeep.append(true) }
                if index < list.candidates { isDeep[document] = false }
            }
        }
        self.documents = documents
        self.isDeep = isDeep
        sums = [Double](repeating: 0, count: documents.count)
        (lifts, ranks) = (sums, sums)
        sources = lists.indices.map { scored(fusion, $0, weights: weights) }
        for index in sources.indices where lists[index].scoresOthers {
            let scores = judged(by: index).map { sources[index].scores[$0] }
            sources[index].scale.compare(with: scores, weights: weights)
        }
        for index in sources.indices { add(index) }
    }

    var count: Int { documents.count }

    func row(of document: Int) -> RowID { documents.rows[document] }

    /// The fused score of a document.
    func score(of document: Int) -> Double {
        max(sums[document], lifts[document]) + ranks[document]
    }

    /// The documents among the first hits of the sources other than `index`, with repetitions.
    func judged(by index: Int) -> [Int] {
        sources.indices.lazy
            .filter { $0 != index && sources[$0].scale.hasScores }
            .flatMap { other in
                sources[other].hits.prefix(lists[other].candidates)
                    .prefix { SourceScale.isJudged($0.rank) }
                    .map(\.document)
            }
    }

    /// The scores and hits of one source.
    private func scored(_ fusion: Fusion, _ index: Int, weights: [Double]) -> Source {
        let list = lists[index]
        var scores = [Double](repeating: .nan, count: count)
        var positions = [RankedList.ScorePosition?](repeating: nil, count: count)
        var own: [Int] = []
        own.reserveCapacity(list.rows.count)
        for (position, row) in list.rows.enumerated() {
            guard let document = documents.find(row) else { continue }
            own.append(document)
            positions[document] = .own(position)
            // A larger limit makes the list longer. So beyond its candidates the list may score
            // some candidates of other sources, and more of them with a larger limit. Such a score
            // counts only if the source scores all candidates of the others (`scoresOthers`).
            // Otherwise the limit would change the order.
            if position < list.candidates || list.scoresOthers || isDeep[document] {
                scores[document] = list.scores[position]
            }
        }
        for (position, other) in list.others.enumerated() {
            guard let document = documents.find(other.row) else { continue }
            scores[document] = other.score
            positions[document] = .other(position)
        }
        let known = scores.indices.lazy.filter { !isDeep[$0] }.map { scores[$0] }
        let scale = SourceScale(fusion, list, index, of: weights, known: known)
        var source = Source(scores: scores, positions: positions, scale: scale)
        source.hits.reserveCapacity(own.count)
        var start = 0
        while start < own.count {
            // Equal scores have equal ranks and values, and their order is that of the rows.
            var end = start + 1
            while end < own.count, scale.areEqual(list.scores[start], list.scores[end]) { end += 1 }
            for document in own[start..<end] {
                source.hits.append(Hit(document: document, rank: start + 1, end: end))
                if !scores[document].isNaN { source.scores[document] = list.scores[start] }
            }
            start = end
        }
        return source
    }

    /// Adds a source's scores, ranks and lifts to the sums.
    private mutating func add(_ index: Int) {
        let (source, list) = (sources[index], lists[index])
        guard source.scale.hasScores else { return }
        for document in sums.indices {
            sums[document] += source.scale.value(of: source.scores[document])
        }
        for (position, hit) in source.hits.enumerated() where list.scores[position].isFinite {
            // A rank beyond the candidates counts only for deep documents, because a smaller limit
            // would not find it.
            guard position < list.candidates || isDeep[hit.document] else { continue }
            let end = position < list.candidates ? min(hit.end, list.candidates) : hit.end
            ranks[hit.document] += source.scale.value(ofRank: hit.rank, end: end)
            let lift = source.scale.lift(of: list.scores[position], end: end)
            if lift > lifts[hit.document] { lifts[hit.document] = lift }
        }
    }

    // MARK: Hits

    /// The best hits: candidates first, then deep documents, with scores of at most the last
    /// candidate's.
    ///
    /// - Parameters:
    ///   - limit: The most hits.
    ///   - withSources: Whether hits have the score and rank of each source.
    /// - Returns: At most `limit` hits, best first, ties in row order.
    func hits(limit: Int, withSources: Bool) -> [FusedHit] {
        var hits = best(limit) { !isDeep[$0] }
        let least = hits.last?.score ?? .infinity
        if hits.count < limit, isDeep.contains(true) {
            for var hit in best(limit - hits.count, where: { isDeep[$0] }) {
                hit.score = min(hit.score, least)
                hits.append(hit)
            }
        }
        return hits.map { hit in
            FusedHit(
                row: documents.rows[hit.document],
                score: hit.score,
                sources: withSources ? sourceScores(of: hit.document) : []
            )
        }
    }

    /// The best of the documents that pass, best first, ties in row order.
    private func best(_ limit: Int, where isWanted: (Int) -> Bool) -> [(
        document: Int, score: Double
    )] {
        var best: [(document: Int, score: Double)] = []
        best.reserveCapacity(min(limit, count))
        for document in 0..<count where isWanted(document) {
            best.append((document, score(of: document)))
        }
        if best.count > limit, limit > 0 {
            // Only the best few are sorted.
            var scores = best.map(\.score)
            let bound = scores.largest(limit)
            best.removeAll { $0.score < bound }
        }
        best.sort {
            $0.score != $1.score
                ? $0.score > $1.score
                : documents.rows[$0.document] < documents.rows[$1.document]
        }
        if best.count > limit { best.removeLast(best.count - limit) }
        return best
    }

    /// The scores and ranks that the sources give a document.
    private func sourceScores(of document: Int) -> [SourceScore] {
        sources.indices.compactMap { (index) -> SourceScore? in
            switch sources[index].positions[document] {
            case .own(let position):
                SourceScore(
                    source: index,
                    rank: sources[index].hits[position].rank,
                    score: lists[index].scores[position]
                )
            case .other(let position):
                SourceScore(source: index, rank: nil, score: lists[index].others[position].score)
            case nil: nil
            }
        }
    }
}

extension [Double] {
    /// The `rank`th largest element, `rank` from 1 to `count`; reorders the elements.
    ///
    /// - Complexity: O(`count`) on average.
    mutating func largest(_ rank: Int) -> Double {
        var (low, high) = (0, count - 1)
        while low < high {
            let pivot = self[(low + high) / 2]
            var (left, right) = (low, high)
            while left <= right {
                while self[left] > pivot { left += 1 }
                while self[right] < pivot { right -= 1 }
                guard left <= right else { break }
                swapAt(left, right)
                left += 1
                right -= 1
            }
            if rank - 1 <= right {
                high = right
            } else if rank - 1 >= left {
                low = left
            } else {
                break
            }
        }
        return self[rank - 1]
    }
}
