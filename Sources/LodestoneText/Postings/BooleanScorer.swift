// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A scorer that finds the rows of an expression, one row block at a time.
struct BooleanScorer {
    /// Consecutive words; the last one may have several expansions.
    struct Clause {
        /// The lists of each known word, as ranges of `cursors`, in the order of the words.
        var words: [Range<Int>] = []
        /// The lists of the last word's expansions: words with its prefix, of its pattern, or near
        /// it.
        ///
        /// The last word is then not in `words`.
        var expansions: Range<Int>?
        /// The fields in which the words count.
        let scope: Scope
        /// Whether a match adds to the score.
        let isWanted: Bool
        /// Whether the positions of the words must be checked.
        var needsPositions: Bool {
            words.count + (expansions == nil ? 0 : 1) > 1 || scope.field != nil
        }
        /// The rows in the current row block; `nil` before they are computed.
        var rows: RowList?
    }

    /// The fields of a part of a query.
    enum Scope {
        case all
        case one(Int)
        /// A field that no document has.
        case none

        /// The number of the field.
        var field: Int? { if case .one(let field) = self { field } else { nil } }
    }

    indirect enum Node {
        /// A clause by its index in `clauses`.
        case clause(Int)
        case and([Node])
        case or([Node])
        case andNot(Node, Node)
    }

    let index: PostingsTextIndex
    let scratch: Scratch
    var cursors: [PostingsCursor] = []
    var isPresent: [Bool] = []
    /// The contribution of each cursor.
    var contributions: [TermContribution] = []
    var inverseFrequencies: [Double] = []
    let bm25: BM25
    var clauses: [Clause] = []
    var root: Node

    /// The number of the current row block.
    var number = 0
    /// Whether rows outside the requested ones have sums.
    var hasStraySums = false
    /// The number of ORs that enclose the current part.
    var unionDepth = 0

    /// - Parameters:
    ///   - index: The index to search.
    ///   - expression: The query.
    ///   - scratch: The scratch of the search; its marks are used, and its sums if weights are
    ///     added.
    ///   - context: Checked while words are looked up.
    /// - Throws: The errors of the lookup of its words.
    init(
        _ index: PostingsTextIndex,
        _ expression: BooleanExpression,
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
        _ expression: BooleanExpression,
        _ scope: Scope,
        isWanted: Bool,
        _ context: CallContext?
    ) throws(LodestoneError) -> Node {
        switch expression {
        case .word(let word):
            return clause(analyzed([word]), scope, isWanted)
        case .anyOf(let words):
            return .or(words.map { clause([$0], scope, isWanted) })
        case .phrase(let words):
            return clause(analyzed(words), scope, isWanted)
        case .prefix(let words):
            var words = analyzed(words)
            guard let last = words.popLast() else { return clause([], scope, isWanted) }
            let analyzer = index.delta.dictionary.analyzer
            let prefix = WordPrefix(last.form.bytes, analyzer)
            let expansions = try index.forms(prefix, context: context)
            return clause(words, expansions: expansions, scope, isWanted)
        case .found(let original, _):
            return try node(original, scope, isWanted: isWanted, context)
        case .fuzzy(let word, let fuzziness):
            let word = try index.fuzzyWord(word, fuzziness, context: context)
            return clause(of: word.expansions, scope, isWanted) { expansion, scorer in
                scorer.addInverseFrequency(
                    word.frequency,
                    times: word.relativeWeight(of: expansion)
                )
            }
        case .pattern(let pattern):
            let expansions = try index.forms(like: pattern, context: context)
            return clause([], expansions: expansions, scope, isWanted)
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
        _ parts: [BooleanExpression],
        _ scope: Scope,
        isWanted: Bool,
        _ context: CallContext?
    ) throws(LodestoneError) -> [Node] {
        var nodes: [Node] = []
        for part in parts { nodes.append(try node(part, scope, isWanted: isWanted, context)) }
        return nodes
    }

    /// The clause of a word with several expansions; `weight` returns the index of an expansion's
    /// weight.
    private mutating func clause(
        of expansions: [Expansion],
        _ scope: Scope,
        _ isWanted: Bool,
        _ weight: (Expansion, inout BooleanScorer) -> Int
    ) -> Node {
        var clause = Clause(scope: scope, isWanted: isWanted)
        let start = cursors.count
        for expansion in expansions {
            let contribution = TermContribution(stem: weight(expansion, &self), form: nil)
            for cursor in expansion.cursors {
                cursors.append(cursor)
                contributions.append(contribution)
            }
        }
        clause.expansions = start..<cursors.count
        clauses.append(clause)
        return .clause(clauses.count - 1)
    }

    private func analyzed(_ texts: [String]) -> [QueryTerm] {
        index.delta.dictionary.analyzer.phraseTerms(of: texts)
    }

    /// The clause of consecutive words; the last one may be any of `expansions`, which count as one
    /// word.
    private mutating func clause(
        _ words: [QueryTerm],
        expansions: [Expansion]? = nil,
        _ scope: Scope,
        _ isWanted: Bool
    ) -> Node {
        var clause = Clause(scope: scope, isWanted: isWanted)
        for word in words { clause.words.append(addLists(of: word)) }
        if let expansions {
            let start = cursors.count
            let frequency = expansions.reduce(0) { $0 + $1.frequency }
            let contribution = TermContribution(stem: addInverseFrequency(frequency), form: nil)
            for expansion in expansions { cursors += expansion.cursors }
            clause.expansions = start..<cursors.count
            while contributions.count < cursors.count { contributions.append(contribution) }
        }
        clauses.append(clause)
        return .clause(clauses.count - 1)
    }

    private mutating func addInverseFrequency(_ frequency: Int, times factor: Double = 1) -> Int {
        inverseFrequencies.append(
            factor * bm25.inverseFrequency(frequency, of: index.documentCount)
        )
        return inverseFrequencies.count - 1
    }

    /// - Returns: The lists, as a range of `cursors`.
    private mutating func addLists(of word: QueryTerm) -> Range<Int> {
        let start = cursors.count
        let weight = inverseFrequencies.count
        let isExact = bm25.exactWeight > 0
        var (frequency, formFrequency) = (0, 0)
        index.forEachList(ofStem: word.stem, forms: isExact ? [word.form] : []) {
            cursor,
            kind,
            form in
            if kind != .formOfMixed { frequency += cursor.frequency }
            if form != nil { formFrequency += cursor.frequency }
            cursors.append(cursor)
            contributions.append(
                TermContribution(kind, stem: weight, form: form.map { _ in weight + 1 })
            )
        }
        _ = addInverseFrequency(frequency)
        if isExact { _ = addInverseFrequency(formFrequency, times: bm25.exactWeight) }
        return start..<cursors.count
    }
}
