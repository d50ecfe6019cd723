// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// Finds the rows that match an expression, chunk after chunk.
struct BooleanScorer {
    /// Words in a row, where the last may stand for several.
    struct Leaf {
        /// The lists of each known word, as places in `cursors`, in the order of the words.
        var words: [Range<Int>] = []
        /// The expansions of the last word, which then is not in `words`: words with its beginning,
        /// of its pattern, or near it.
        var endings: Range<Int>?
        /// The fields in which the words must stand.
        let scope: Scope
        /// Whether a match adds to the score.
        let isWanted: Bool
        /// Whether rows with the words are only candidates, whose positions must be checked.
        var needsPositions: Bool {
            words.count + (endings == nil ? 0 : 1) > 1 || scope.field != nil
        }
        /// The rows in the chunk under way, once they are known.
        var rows: RowList?
    }

    /// The fields that a part of a query looks at.
    enum Scope {
        case all
        case one(Int)
        /// A field that no document has.
        case none

        /// The number of the field.
        var field: Int? { if case .one(let field) = self { field } else { nil } }
    }

    indirect enum Node {
        case leaf(Int)
        case and([Node])
        case or([Node])
        case andNot(Node, Node)
    }

    let index: PostingsTextIndex
    let scratch: Scratch
    var cursors: [PostingsCursor] = []
    var isPresent: [Bool] = []
    /// The share of each cursor.
    var shares: [TermContribution] = []
    var inverseFrequencies: [Double] = []
    let bm25: BM25
    var leaves: [Leaf] = []
    var root: Node

    /// The chunk under way.
    var number = 0
    /// Whether rows outside the requested ones have sums.
    var hasStraySums = false
    /// The number of ORs around the part under way.
    var unionDepth = 0

    /// - Parameters:
    ///   - index: The index to search.
    ///   - expression: The query.
    ///   - scratch: The scratch of the search; its marks are used, and its sums where weights are
    ///     added.
    ///   - context: Checked while words are looked up.
    /// - Throws: The errors of the lookup of its words.
    init(
        _ index: PostingsTextIndex,
        _ expression: TextExpression,
        _ scratch: Scratch,
        _ context: CallContext?
    ) throws(LodestoneError) {
        self.index = index
        self.scratch = scratch
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
            return leaf(analyzed([word]), scope, isWanted)
        case .anyOf(let words):
            return .or(words.map { leaf([$0], scope, isWanted) })
        case .phrase(let words):
            return leaf(analyzed(words), scope, isWanted)
        case .prefix(let words):
            var words = analyzed(words)
            guard let last = words.popLast() else { return leaf([], scope, isWanted) }
            let analyzer = index.delta.dictionary.analyzer
            let beginning = WordBeginning(last.form.bytes, analyzer)
            let endings = try index.forms(beginning, context: context)
            return leaf(words, endingIn: endings, scope, isWanted)
        case .found(let asked, _):
            return try node(asked, scope, isWanted: isWanted, context)
        case .fuzzy(let word, let fuzziness):
            let word = try index.fuzzyWord(word, fuzziness, context: context)
            return leaf(of: word.expansions, scope, isWanted) { expansion, matcher in
                matcher.addInverseFrequency(word.frequency, times: word.share(of: expansion))
            }
        case .pattern(let pattern):
            let endings = try index.forms(like: pattern, context: context)
            return leaf([], endingIn: endings, scope, isWanted)
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

    /// The leaf of a word that stands for several; `place` gives the place of each one's weight.
    private mutating func leaf(
        of expansions: [Expansion],
        _ scope: Scope,
        _ isWanted: Bool,
        _ place: (Expansion, inout BooleanScorer) -> Int
    ) -> Node {
        var leaf = Leaf(scope: scope, isWanted: isWanted)
        let start = cursors.count
        for expansion in expansions {
            let share = TermContribution(stem: place(expansion, &self), form: nil)
            for cursor in expansion.cursors {
                cursors.append(cursor)
                shares.append(share)
            }
        }
        leaf.endings = start..<cursors.count
        leaves.append(leaf)
        return .leaf(leaves.count - 1)
    }

    private func analyzed(_ texts: [String]) -> [QueryTerm] {
        index.delta.dictionary.analyzer.question(texts)
    }

    /// The leaf of words in a row; the last one may be any of `endings`, which count as one word.
    private mutating func leaf(
        _ words: [QueryTerm],
        endingIn endings: [Expansion]? = nil,
        _ scope: Scope,
        _ isWanted: Bool
    ) -> Node {
        var leaf = Leaf(scope: scope, isWanted: isWanted)
        for word in words { leaf.words.append(addLists(of: word)) }
        if let endings {
            let start = cursors.count
            let frequency = endings.reduce(0) { $0 + $1.frequency }
            let share = TermContribution(stem: addInverseFrequency(frequency), form: nil)
            for ending in endings { cursors += ending.cursors }
            leaf.endings = start..<cursors.count
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

    /// - Returns: The places of the lists in `cursors`.
    private mutating func addLists(of word: QueryTerm) -> Range<Int> {
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
                TermContribution(kind, stem: place, form: form.map { _ in place + 1 })
            )
        }
        _ = addInverseFrequency(frequency)
        if isExact { _ = addInverseFrequency(formFrequency, times: bm25.exactWeight) }
        return start..<cursors.count
    }
}
