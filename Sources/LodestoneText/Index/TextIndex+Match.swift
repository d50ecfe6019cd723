// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

extension TextIndex {
    /// The `k` best rows that match a question, best first; of equal scores the smaller row.
    ///
    /// The score is the BM25F of every part that the row matches and that isn't negated; the words
    /// of a phrase count each, and what a prefix stands for counts as one word. A question that is
    /// a negation has no scores: its rows come in their order, with score 0, and every row below
    /// `rowBound` that is allowed may be one of them, those without words too.
    ///
    /// - Parameters:
    ///   - query: What to look for.
    ///   - k: How many rows.
    ///   - context: Looked at once for 65,536 rows.
    ///   - isAllowed: Asked only for rows that would enter the answer.
    /// - Returns: No more than `k` rows with their scores.
    /// - Throws: What `context` throws.
    /// - Complexity: O(postings of all words in it); of phrases, also positions of the rows that
    ///   have all words.
    package func search(
        _ query: NormalizedTextQuery,
        k: Int,
        context: CallContext? = nil,
        isAllowed: (UInt32) -> Bool
    ) throws(LodestoneError) -> [TextHit] {
        guard k > 0 else { return [] }
        if query.isComplement {
            return try others(than: query.expression, k: k, context: context, isAllowed: isAllowed)
        }
        if let words = query.expression.anyWord(by: delta.dictionary.analyzer) {
            return try rank(words, k: k, context: context, isAllowed: isAllowed)
        }
        var matcher = try TextMatcher(self, query.expression, context)
        let weights = matcher.weights
        let classes = classWeights
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
        var matcher = try TextMatcher(self, expression, context)
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
    /// Words, of which a question asks for any.
    struct AnyWord {
        var plain: [QueryWord] = []
        var fuzzy: [(text: String, fuzziness: Fuzziness)] = []
    }

    /// The words, if this asks for any of some single words.
    func anyWord(by analyzer: TextAnalyzer) -> AnyWord? {
        switch self {
        case .word(let word):
            let words = analyzer.words(of: word)
            return words.count == 1 ? AnyWord(plain: words) : nil
        case .fuzzy(let word, let fuzziness):
            return AnyWord(fuzzy: [(word, fuzziness)])
        case .or(let parts):
            var all = AnyWord()
            for part in parts {
                guard let words = part.anyWord(by: analyzer) else { return nil }
                all.plain += words.plain
                all.fuzzy += words.fuzzy
            }
            return all
        case .pattern, .phrase, .prefix, .field, .and, .andNot:
            return nil
        }
    }
}

/// Finds the rows that match an expression, chunk after chunk.
struct TextMatcher {
    /// Words in a row, where the last may stand for several.
    struct Leaf {
        /// Where the lists of each known word stand in `cursors`, in the order of the words.
        var words: [Range<Int>] = []
        /// What the last word may be, instead of being in `words`: words that begin so, look so or
        /// are near it.
        var endings: Range<Int>?
        /// Where the words must stand.
        let scope: Scope
        /// Whether a match counts.
        let isWanted: Bool
        /// Whether rows with the words are no more than candidates.
        var needsPositions: Bool {
            words.count + (endings == nil ? 0 : 1) > 1 || scope.field != nil
        }
        /// Its rows in the chunk under way, once they are known.
        var rows: RowBits?
        var isKnown = false
    }

    /// The fields that a part of a question is about.
    enum Scope {
        case all
        case one(Int)
        /// A field that no document has.
        case none

        /// Its number.
        var field: Int? { if case .one(let field) = self { field } else { nil } }
    }

    /// What a posting list counts: places in the weights of the question.
    private struct Share {
        let stem: Int?
        let form: Int?
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
    /// Of each cursor.
    private var shares: [Share] = []
    private var inverseFrequencies: [Double] = []
    private let bm25: BM25
    private var leaves: [Leaf] = []
    private var root: Node

    init(_ index: TextIndex, _ expression: TextExpression, _ context: CallContext?)
        throws(LodestoneError)
    {
        self.index = index
        bm25 = BM25(index.options)
        root = .and([])
        root = try node(expression, .all, isWanted: true, context)
        isPresent = Array(repeating: false, count: cursors.count)
    }

    private mutating func node(
        _ expression: TextExpression,
        _ scope: Scope,
        isWanted: Bool,
        _ context: CallContext?
    ) throws(LodestoneError) -> Node {
        switch expression {
        case .word(let word):
            return leaf([word], isPrefix: false, scope, isWanted)
        case .phrase(let words):
            return leaf(words, isPrefix: false, scope, isWanted)
        case .prefix(let words):
            return leaf(words, isPrefix: true, scope, isWanted)
        case .fuzzy(let word, let fuzziness):
            let word = try index.fuzzyWord(word, fuzziness, context: context)
            return leaf(of: word.expansions, scope, isWanted) { expansion, matcher in
                matcher.addInverseFrequency(word.frequency, times: word.share(of: expansion))
            }
        case .pattern(let pattern):
            let expansions = try index.expansions(of: pattern, context: context)
            let frequency = expansions.reduce(0) { $0 + $1.frequency }
            let place = addInverseFrequency(frequency)
            return leaf(of: expansions, scope, isWanted) { _, _ in place }
        case .field(let name, let inner):
            let number = index.delta.tables.fields.number(of: name)
            let scope = number.map { Scope.one($0) } ?? .none
            return try node(inner, scope, isWanted: isWanted, context)
        case .and(let parts):
            return .and(try nodes(parts, scope, isWanted: isWanted, context))
        case .or(let parts):
            return .or(try nodes(parts, scope, isWanted: isWanted, context))
        case .andNot(let wanted, let unwanted):
            return .andNot(
                try node(wanted, scope, isWanted: isWanted, context),
                try node(unwanted, scope, isWanted: false, context)
            )
        }
    }

    private mutating func nodes(
        _ parts: [TextExpression],
        _ scope: Scope,
        isWanted: Bool,
        _ context: CallContext?
    ) throws(LodestoneError) -> [Node] {
        var nodes: [Node] = []
        for part in parts { nodes.append(try node(part, scope, isWanted: isWanted, context)) }
        return nodes
    }

    /// A word that stands for several; `place` says where the weight of each is.
    private mutating func leaf(
        of expansions: [Expansion],
        _ scope: Scope,
        _ isWanted: Bool,
        _ place: (Expansion, inout TextMatcher) -> Int
    ) -> Node {
        var leaf = Leaf(scope: scope, isWanted: isWanted)
        let start = cursors.count
        for expansion in expansions {
            let share = Share(stem: place(expansion, &self), form: nil)
            for cursor in expansion.cursors {
                cursors.append(cursor)
                shares.append(share)
            }
        }
        leaf.endings = start..<cursors.count
        leaves.append(leaf)
        return .leaf(leaves.count - 1)
    }

    private mutating func leaf(
        _ texts: [String],
        isPrefix: Bool,
        _ scope: Scope,
        _ isWanted: Bool
    ) -> Node {
        var words = texts.flatMap { index.delta.dictionary.analyzer.words(of: $0) }
        var leaf = Leaf(scope: scope, isWanted: isWanted)
        let last = isPrefix ? words.popLast() : nil
        for word in words { leaf.words.append(addLists(of: word)) }
        if let last {
            let start = cursors.count
            index.appendCursors(withPrefix: last.stem, to: &cursors)
            leaf.endings = start..<cursors.count
            let frequency = cursors[start...].reduce(0) { $0 + $1.frequency }
            let share = Share(stem: addInverseFrequency(frequency), form: nil)
            while shares.count < cursors.count { shares.append(share) }
        }
        leaves.append(leaf)
        return .leaf(leaves.count - 1)
    }

    private mutating func addInverseFrequency(_ frequency: Int, times factor: Double = 1) -> Int {
        inverseFrequencies.append(
            factor * bm25.inverseFrequency(frequency, of: index.documentCount)
        )
        return inverseFrequencies.count - 1
    }

    /// - Returns: Where the lists stand in `cursors`.
    private mutating func addLists(of word: QueryWord) -> Range<Int> {
        let start = cursors.count
        let place = inverseFrequencies.count
        let isExact = bm25.exactWeight > 0
        var (frequency, formFrequency) = (0, 0)
        index.forEachList(ofStem: word.stem, forms: isExact ? [word.form] : []) {
            cursor,
            kind,
            form in
            if kind != .among { frequency += cursor.frequency }
            if form != nil { formFrequency += cursor.frequency }
            cursors.append(cursor)
            shares.append(
                Share(stem: kind == .among ? nil : place, form: form.map { _ in place + 1 })
            )
        }
        _ = addInverseFrequency(frequency)
        if isExact { _ = addInverseFrequency(formFrequency, times: bm25.exactWeight) }
        return start..<cursors.count
    }

    // MARK: Weights

    /// What the words count, with those that the shares of lists stand for.
    var weights: WordWeights { WordWeights(inverseFrequencies, bm25: bm25) }

    /// Adds what the leaves count to the sums of `rows`, in the chunk under way.
    mutating func addWeights(
        _ weights: [UInt64],
        _ classes: ClassWeights,
        of rows: RowBits,
        to sums: UnsafeMutablePointer<UInt32>
    ) {
        for number in leaves.indices where leaves[number].isWanted {
            var counted = rows
            if leaves[number].needsPositions {
                guard let matching = self.rows(ofLeaf: number) else { continue }
                counted.formIntersection(matching)
            }
            let leaf = leaves[number]
            if case .none = leaf.scope { continue }
            let wanted = counted.rows
            for place in leaf.words.joined() + Array(leaf.endings ?? 0..<0) where isPresent[place] {
                let weight =
                    (shares[place].stem.map { weights[$0] } ?? 0)
                    + (shares[place].form.map { weights[$0] } ?? 0)
                let mask = classes.mask
                classes.weights.withUnsafeBufferPointer { classes in
                    forEachPosting(of: place, in: counted, wanted) { row, postingClass in
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
    /// How many ORs are around the part under way.
    private var unionDepth = 0
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
        return rows(of: root, among: nil)
    }

    /// The rows that match a part of the question, `nil` for none.
    ///
    /// Rows beside `candidates` don't matter: neither for the answer nor, where the part is wanted,
    /// for what it counts.
    private mutating func rows(of node: Node, among candidates: RowBits?) -> RowBits? {
        switch node {
        case .leaf(let leaf):
            return rows(ofLeaf: leaf, among: candidates)
        case .and(let parts):
            // From the rarest on, so that the others are only looked up.
            var all = candidates
            for part in parts.map({ (node: $0, size: size(of: $0)) }).sorted(by: {
                $0.size < $1.size
            }) {
                let candidates = unionDepth == 0 ? all : nil
                guard let rows = rows(of: part.node, among: candidates) else { return nil }
                all?.formIntersection(rows)
                all = all ?? rows
                if all?.isEmpty ?? true { return nil }
            }
            return all
        case .or(let parts):
            // What one part doesn't match another may, and what both match they both count.
            var any: RowBits?
            unionDepth += 1
            defer { unionDepth -= 1 }
            for part in parts {
                guard let rows = rows(of: part, among: nil) else { continue }
                any?.formUnion(rows)
                any = any ?? rows
            }
            if let candidates { any?.formIntersection(candidates) }
            return any
        case .andNot(let wanted, let unwanted):
            guard var rows = rows(of: wanted, among: candidates) else { return nil }
            let few = unionDepth == 0 ? rows : nil
            if let unwanted = self.rows(of: unwanted, among: few) { rows.subtract(unwanted) }
            return rows.isEmpty ? nil : rows
        }
    }

    /// About how many postings it takes to know a part's rows; other parts come after all leaves.
    private func size(of node: Node) -> Int {
        guard case .leaf(let number) = node else { return .max }
        let leaf = leaves[number]
        return leaf.words.map { size(ofLists: $0) }.min() ?? size(ofLists: leaf.endings ?? 0..<0)
    }

    private func size(ofLists lists: Range<Int>) -> Int {
        lists.reduce(0) { $0 + (isPresent[$1] ? size(ofList: $1, enough: Scratch.rows) : 0) }
    }

    private func size(ofList place: Int, enough: Int) -> Int {
        cursors[place].count(in: number, of: index, enough: enough)
    }

    private mutating func rows(ofLeaf number: Int, among candidates: RowBits? = nil) -> RowBits? {
        if leaves[number].isKnown { return leaves[number].rows }
        let rows = findRows(leaves[number], among: candidates)
        leaves[number].rows = rows
        leaves[number].isKnown = true
        return rows
    }

    private func findRows(_ leaf: Leaf, among candidates: RowBits?) -> RowBits? {
        if case .none = leaf.scope { return nil }
        // The rows that have all the words, wherever they stand; from the rarest word on.
        var all = candidates
        for lists in leaf.words.map({ (lists: $0, size: size(ofLists: $0)) })
            .sorted(by: { $0.size < $1.size })
        {
            guard let rows = rows(ofLists: lists.lists, among: all) else { return nil }
            all = rows
        }
        let words = leaf.words.map { lists in
            lists.filter { isPresent[$0] && shares[$0].stem != nil }.map { cursors[$0] }
        }
        if let endings = leaf.endings, !leaf.needsPositions {
            return rows(ofLists: endings, among: all)
        }
        guard let endings = leaf.endings else {
            guard let all, leaf.needsPositions else { return all }
            return PhraseReader(chunk, words, field: leaf.scope.field).rows(in: all)
        }
        var any: RowBits?
        for ending in endings where isPresent[ending] {
            guard let rows = rows(ofLists: ending..<ending + 1, among: all) else { continue }
            let reader = PhraseReader(
                chunk,
                words + [[cursors[ending]]],
                field: leaf.scope.field
            )
            guard let found = reader.rows(in: rows) else { continue }
            any?.formUnion(found)
            any = any ?? found
        }
        return any
    }

    /// The rows that have a stem; `nil` for none.
    private func rows(ofLists lists: Range<Int>, among candidates: RowBits?) -> RowBits? {
        let wanted = candidates?.rows ?? []
        var rows = RowBits()
        var hasRows = false
        for place in lists where isPresent[place] && shares[place].stem != nil {
            if let candidates {
                forEachPosting(of: place, in: candidates, wanted) { row, _ in
                    rows.insert(row)
                    hasRows = true
                }
            } else {
                chunk.forEachPosting(cursors[place]) { row, _ in rows.insert(row) }
                hasRows = true
            }
        }
        return hasRows ? rows : nil
    }

    /// Calls `body` with the postings of a list in some rows: looks few rows up, reads a short list.
    private func forEachPosting(
        of place: Int,
        in rows: RowBits,
        _ wanted: [Int],
        _ body: (_ row: Int, _ postingClass: Int) -> Void
    ) {
        // A row that is looked up costs as much as some 16 that are read.
        let enough = wanted.count * 16
        if size(ofList: place, enough: enough) >= enough {
            chunk.forEachPosting(cursors[place], of: wanted, body)
        } else {
            chunk.forEachPosting(cursors[place]) { row, postingClass in
                if rows.contains(row) { body(row, postingClass) }
            }
        }
    }
}

extension TextIndex {
    /// Appends a cursor for every list, in the base and in the delta, of a stem that begins so.
    fileprivate func appendCursors(withPrefix prefix: [UInt8], to cursors: inout [TermCursor]) {
        if let base {
            for list in base.lists(withPrefix: prefix) {
                guard let key = base.key(of: list), key.kind != .among else { continue }
                cursors.append(TermCursor(self, baseList: list))
            }
        }
        for list in delta.dictionary.lists(withPrefix: prefix) {
            cursors.append(TermCursor(self, deltaList: list))
        }
    }
}
