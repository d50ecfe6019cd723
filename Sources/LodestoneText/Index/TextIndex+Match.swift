// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

extension TextIndex {
    /// The `k` best rows that match a question, best first; of equal scores the smaller row.
    ///
    /// The score is the BM25 of every part that the row matches and that isn't negated; the words
    /// of a phrase count each, and what a prefix stands for counts as one word. A question that is
    /// a negation has no scores: its rows come in their order, with score 0, and every row below
    /// `rowBound` that is allowed may be one of them, those without words too.
    ///
    /// - Parameters:
    ///   - query: What to look for.
    ///   - k: How many rows.
    ///   - bm25: How much an occurrence says.
    ///   - context: Looked at once for 65,536 rows.
    ///   - isAllowed: Asked only for rows that would enter the answer.
    /// - Returns: No more than `k` rows with their scores.
    /// - Throws: What `context` throws.
    /// - Complexity: O(postings of all words in it); of phrases, also positions of the rows that
    ///   have all words.
    package func search(
        _ query: NormalizedTextQuery,
        k: Int,
        bm25: BM25 = BM25(),
        context: CallContext? = nil,
        isAllowed: (UInt32) -> Bool
    ) throws(LodestoneError) -> [TextHit] {
        guard k > 0 else { return [] }
        if query.isComplement {
            return try others(than: query.expression, k: k, context: context, isAllowed: isAllowed)
        }
        if let words = query.expression.anyWord {
            return try rank(words, k: k, bm25: bm25, context: context, isAllowed: isAllowed)
        }
        var matcher = TextMatcher(self, query.expression)
        let weights = matcher.weights(bm25)
        let classes = classWeights(bm25)
        var top = TopRows(limit: k)
        try scratch.withScratch { (scratch) throws(LodestoneError) in
            for number in 0..<Chunk.count(self) {
                try context?.check()
                guard let rows = matcher.rows(in: number) else { continue }
                matcher.addWeights(weights.weights, classes, of: rows, to: scratch.sums)
                rows.forEach { row in
                    let sum = scratch.sums[row]
                    scratch.sums[row] = 0
                    let number = UInt32(number << 16 | row)
                    if top.accepts(sum, number), isAllowed(number) { top.insert(sum, number) }
                    return true
                }
            }
        }
        return top.hits(weights)
    }

    /// The first `k` allowed rows that don't match.
    private func others(
        than expression: TextExpression,
        k: Int,
        context: CallContext?,
        isAllowed: (UInt32) -> Bool
    ) throws(LodestoneError) -> [TextHit] {
        var matcher = TextMatcher(self, expression)
        var hits: [TextHit] = []
        for number in 0..<Chunk.count(self) {
            try context?.check()
            let rows = matcher.rows(in: number)
            for row in 0..<Chunk(self, number).bound {
                if hits.count == k { return hits }
                let number = UInt32(number << 16 | row)
                if rows?.contains(row) != true, isAllowed(number) {
                    hits.append(TextHit(row: number, score: 0))
                }
            }
        }
        return hits
    }
}

extension TextExpression {
    /// The words, if this asks for any of some single words.
    var anyWord: [String]? {
        switch self {
        case .word(let word):
            return QueryWords.stems(of: word).count == 1 ? [word] : nil
        case .or(let parts):
            let words = parts.compactMap(\.anyWord)
            return words.count == parts.count ? words.flatMap { $0 } : nil
        case .phrase, .prefix, .and, .andNot:
            return nil
        }
    }
}

/// Finds the rows that match an expression, chunk after chunk.
struct TextMatcher {
    /// Words in a row, where the last may go on.
    struct Leaf {
        /// Where the words that are known stand in `cursors`, in order.
        var words: [Int] = []
        /// What the last word may be, instead of being in `words`.
        var endings: Range<Int>?
        /// Whether a match counts.
        let isWanted: Bool
        /// What a word of it is counted with by the question.
        var isPhrase: Bool { words.count + (endings == nil ? 0 : 1) > 1 }
        /// Its rows in the chunk under way, once they are known.
        var rows: RowBits?
        var isKnown = false
    }

    private indirect enum Node {
        case leaf(Int)
        case and([Node])
        case or([Node])
        case andNot(Node, Node)
    }

    private let index: TextIndex
    private var cursors: [TermCursor] = []
    private var isPresent: [Bool] = []
    private var leaves: [Leaf] = []
    private var root: Node

    init(_ index: TextIndex, _ expression: TextExpression) {
        self.index = index
        root = .and([])
        root = node(expression, isWanted: true)
        isPresent = Array(repeating: false, count: cursors.count)
    }

    private mutating func node(_ expression: TextExpression, isWanted: Bool) -> Node {
        switch expression {
        case .word(let word):
            return leaf([word], isPrefix: false, isWanted)
        case .phrase(let words):
            return leaf(words, isPrefix: false, isWanted)
        case .prefix(let words):
            return leaf(words, isPrefix: true, isWanted)
        case .and(let parts):
            return .and(parts.map { node($0, isWanted: isWanted) })
        case .or(let parts):
            return .or(parts.map { node($0, isWanted: isWanted) })
        case .andNot(let wanted, let unwanted):
            return .andNot(
                node(wanted, isWanted: isWanted),
                node(unwanted, isWanted: false)
            )
        }
    }

    private mutating func leaf(_ words: [String], isPrefix: Bool, _ isWanted: Bool) -> Node {
        var stems = words.flatMap { QueryWords.stems(of: $0) }
        var leaf = Leaf(isWanted: isWanted)
        let last = isPrefix ? stems.popLast() : nil
        for stem in stems {
            leaf.words.append(cursors.count)
            cursors.append(index.cursor(forStem: stem))
        }
        if let last {
            let start = cursors.count
            index.appendCursors(withPrefix: last, to: &cursors)
            leaf.endings = start..<cursors.count
        }
        leaves.append(leaf)
        return .leaf(leaves.count - 1)
    }

    // MARK: Weights

    /// The weight of each leaf's words, in their order, and last of what its prefix stands for.
    func weights(_ bm25: BM25) -> WordWeights {
        let count = index.documentCount
        return WordWeights(
            leaves.flatMap { leaf in
                leaf.words.map { bm25.inverseFrequency(cursors[$0].frequency, of: count) }
                    + [leaf.endings].compactMap(\.self).map { endings in
                        let frequency = cursors[endings].reduce(0) { $0 + $1.frequency }
                        return bm25.inverseFrequency(frequency, of: count)
                    }
            },
            bm25: bm25
        )
    }

    /// Adds what the leaves count to the sums of `rows`, in the chunk under way.
    mutating func addWeights(
        _ weights: [UInt64],
        _ classes: ClassWeights,
        of rows: RowBits,
        to sums: UnsafeMutablePointer<UInt32>
    ) {
        var next = 0
        for number in leaves.indices {
            // The weights of this leaf.
            let first = next
            next += leaves[number].words.count + (leaves[number].endings == nil ? 0 : 1)
            guard leaves[number].isWanted else { continue }
            var counted = rows
            if leaves[number].isPhrase {
                guard let matching = self.rows(ofLeaf: number) else { continue }
                counted.formIntersection(matching)
            }
            let leaf = leaves[number]
            let places = leaf.words + Array(leaf.endings ?? 0..<0)
            for (offset, place) in places.enumerated() where isPresent[place] {
                // What a prefix stands for shares the last one.
                let (weight, mask) = (weights[min(first + offset, next - 1)], classes.mask)
                classes.weights.withUnsafeBufferPointer { classes in
                    chunk.forEachPosting(cursors[place]) { row, postingClass in
                        guard counted.contains(row) else { return }
                        let more = WordWeights.product(weight, classes[postingClass & mask])
                        // A prefix may stand for any number of words, so this sum has no bound.
                        sums[row] = min(sums[row] &+ more, UInt32(Int32.max))
                    }
                }
            }
        }
    }

    // MARK: Rows

    private var number = 0
    private var chunk: Chunk { Chunk(index, number) }

    /// The rows of a chunk that match, `nil` for none; chunks rise from call to call.
    mutating func rows(in number: Int) -> RowBits? {
        self.number = number
        for place in cursors.indices {
            isPresent[place] = cursors[place].move(to: number, of: index)
        }
        for leaf in leaves.indices {
            leaves[leaf].rows = nil
            leaves[leaf].isKnown = false
        }
        return rows(of: root)
    }

    private mutating func rows(of node: Node) -> RowBits? {
        switch node {
        case .leaf(let leaf):
            return rows(ofLeaf: leaf)
        case .and(let parts):
            var all: RowBits?
            for part in parts {
                guard let rows = rows(of: part) else { return nil }
                all?.formIntersection(rows)
                all = all ?? rows
                if all?.isEmpty ?? true { return nil }
            }
            return all
        case .or(let parts):
            var any: RowBits?
            for part in parts {
                guard let rows = rows(of: part) else { continue }
                any?.formUnion(rows)
                any = any ?? rows
            }
            return any
        case .andNot(let wanted, let unwanted):
            guard var rows = rows(of: wanted) else { return nil }
            if let unwanted = self.rows(of: unwanted) { rows.subtract(unwanted) }
            return rows.isEmpty ? nil : rows
        }
    }

    private mutating func rows(ofLeaf number: Int) -> RowBits? {
        if leaves[number].isKnown { return leaves[number].rows }
        let rows = findRows(leaves[number])
        leaves[number].rows = rows
        leaves[number].isKnown = true
        return rows
    }

    private func findRows(_ leaf: Leaf) -> RowBits? {
        // The rows that have all the words, wherever they stand.
        var all: RowBits?
        for place in leaf.words {
            guard isPresent[place] else { return nil }
            let rows = rows(ofCursor: place)
            all?.formIntersection(rows)
            all = all ?? rows
        }
        if all?.isEmpty == true { return nil }
        guard let endings = leaf.endings else {
            guard let all, leaf.words.count > 1 else { return all }
            return PhraseReader(chunk, leaf.words.map { cursors[$0] }).rows(in: all)
        }
        var any: RowBits?
        for ending in endings where isPresent[ending] {
            var rows = rows(ofCursor: ending)
            if let all {
                rows.formIntersection(all)
                let words = leaf.words + [ending]
                guard !rows.isEmpty,
                    let found = PhraseReader(chunk, words.map { cursors[$0] }).rows(in: rows)
                else { continue }
                rows = found
            }
            any?.formUnion(rows)
            any = any ?? rows
        }
        return any
    }

    private func rows(ofCursor place: Int) -> RowBits {
        var rows = RowBits()
        chunk.forEachPosting(cursors[place]) { row, _ in rows.insert(row) }
        return rows
    }
}

extension TextIndex {
    /// Appends a cursor for every term, in the base and in the delta, whose stem begins so.
    fileprivate func appendCursors(withPrefix prefix: [UInt8], to cursors: inout [TermCursor]) {
        if let base {
            for term in base.terms(withPrefix: prefix) {
                cursors.append(TermCursor(self, baseTerm: term, deltaTerm: nil))
            }
        }
        for term in delta.dictionary.terms(withPrefix: prefix) {
            cursors.append(TermCursor(self, baseTerm: nil, deltaTerm: term))
        }
    }
}
