// SPDX-License-Identifier: Apache-2.0

/// Many questions to one collection, answered from one state of it.
public struct SearchRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// The questions.
    public var queries: [Query]

    /// Creates a request.
    public init(collection: String, queries: [Query]) {
        self.collection = collection
        self.queries = queries
    }
}

/// One question: sources of hits, a filter that all hits pass, and the way to merge the sources.
public struct Query: Sendable, Equatable {
    /// Where hits come from; at least one.
    public var sources: [Source]
    /// What every hit must satisfy.
    public var filter: Filter?
    /// How the sources' lists become one; unused with one source.
    public var fusion: Fusion
    /// The most hits wanted.
    public var limit: Int
    /// What each hit brings along.
    public var include: Include
    /// Which places of its texts each hit shows; `nil`: none.
    public var highlight: Highlight?
    /// Fields whose values are counted, over all documents that pass the filter: what the sources
    /// find has no part in it, so that a count with the same filter has the same facets.
    public var facets: [FacetRequest]

    /// Creates a question.
    public init(
        _ sources: [Source],
        filter: Filter? = nil,
        fusion: Fusion = .weightedScores(),
        limit: Int = 10,
        include: Include = [],
        highlight: Highlight? = nil,
        facets: [FacetRequest] = []
    ) {
        self.sources = sources
        self.filter = filter
        self.fusion = fusion
        self.limit = limit
        self.include = include
        self.highlight = highlight
        self.facets = facets
    }
}

/// One source of hits, with its say in the fusion.
public struct Source: Sendable, Equatable {
    /// What kind of source.
    public enum Kind: Sendable, Equatable {
        /// Documents whose vectors are near.
        case vector(NearVector)
        /// Documents whose text matches.
        case text(MatchText)
        /// Documents reached from the start of the walk.
        case walk(Walk)
        /// Documents reached from the hits of the other sources; `from` of the walk is not used.
        case walkFromHits(Walk)
    }

    /// What kind of source.
    public var kind: Kind
    /// Finite, not negative; `nil`: 1 by reciprocal rank, and by scores 0.6 for a text and 0.4 for
    /// others, or 0.8 and 0.2 where text fields have weights.
    public var weight: Float?
    /// How many of its best hits enter the fusion; `nil`: 100.
    ///
    /// With a larger limit, what the source finds beyond these follows behind all that entered.
    public var candidates: Int?

    /// Creates a source.
    public init(_ kind: Kind, weight: Float? = nil, candidates: Int? = nil) {
        self.kind = kind
        self.weight = weight
        self.candidates = candidates
    }

    /// Near `vector`.
    public static func near(
        _ vector: [Float],
        exact: Bool = false,
        efSearch: Int? = nil,
        weight: Float? = nil
    ) -> Source {
        Source(.vector(NearVector(vector, exact: exact, efSearch: efSearch)), weight: weight)
    }

    /// Matching `text`.
    public static func matching(
        _ text: String,
        mode: TextMode = .anyWord,
        fuzzy: Fuzziness? = nil,
        weight: Float? = nil
    ) -> Source {
        Source(.text(MatchText(text, mode: mode, fuzzy: fuzzy)), weight: weight)
    }
}

/// A vector to be near to.
public struct NearVector: Sendable, Equatable {
    /// Float32, as many as the collection's dimension.
    public var vector: [Float]
    /// Compare with every vector, whatever the strategy.
    public var exact: Bool
    /// Beam width for this search; `nil`: the collection's.
    public var efSearch: Int?

    /// Creates a vector question.
    public init(_ vector: [Float], exact: Bool = false, efSearch: Int? = nil) {
        self.vector = vector
        self.exact = exact
        self.efSearch = efSearch
    }
}

/// How a text question is read.
public enum TextMode: Int32, Sendable, CaseIterable {
    /// As plain words: documents with any of them, best first.
    ///
    /// Nothing in it is syntax. Stop words are left out, unless there are no others.
    case anyWord = 0
    /// As a query: words, "phrases", prefix*, *substring*, typo~, field:word, AND OR NOT, parentheses.
    case querySyntax = 1
}

/// Words to look for.
public struct MatchText: Sendable, Equatable {
    /// At most 4 KiB and 32 terms in query syntax; plain words beyond that count are left out.
    public var query: String
    /// How it is read.
    public var mode: TextMode
    /// Which other words each word finds, typing errors made good; `nil`: none, except for words
    /// that say so in query syntax.
    ///
    /// Words in phrases, before a star and around one are taken as they are.
    public var fuzzy: Fuzziness?

    /// Creates a text question.
    public init(_ query: String, mode: TextMode = .anyWord, fuzzy: Fuzziness? = nil) {
        self.query = query
        self.mode = mode
        self.fuzzy = fuzzy
    }
}

/// How several ranked lists become one.
///
/// Whatever the formula: the order of the first hits does not depend on the limit, equal scores of a
/// source count alike, and a source that finds nothing, or has weight 0, adds nothing.
public enum Fusion: Sendable, Equatable {
    /// Sum of weight / (k + rank); equal scores have equal ranks.
    case reciprocalRank(k: Int = 60)
    /// Weighted sum of shares, each from 0 to 1: the rule.
    ///
    /// Vector and text sources also score what only the others found.
    case weightedScores(Normalization = .best)

    /// How scores of different sources are made comparable.
    public enum Normalization: Int32, Sendable, CaseIterable {
        /// As shares of the source's best score; 0 is what an ordinary document has.
        ///
        /// The first ranks add a little. Where sources disagree on one another's first hits, the
        /// first five of each come to the front. What alone matches a text comes first.
        case best = 0
        /// From 0 for a text that doesn't match, or the smallest score that a vector source has for
        /// the candidates, to 1 for the largest.
        case minMax = 1

        /// The earlier name of `best`.
        public static var deviation: Normalization { .best }
    }
}

/// What a hit or a document brings along beside its id.
public struct Include: OptionSet, Sendable {
    /// One bit a part.
    public let rawValue: UInt32

    /// Creates a set.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The text fields.
    public static let text = Include(rawValue: 1)
    /// The metadata.
    public static let metadata = Include(rawValue: 2)
    /// The vector.
    public static let vector = Include(rawValue: 4)
    /// The outgoing edges.
    public static let edges = Include(rawValue: 8)
    /// For hits: the rank and score that each source gave.
    public static let sourceScores = Include(rawValue: 16)
    /// For answers: how each vector source was searched, what each text source looked for, and how
    /// the filter was answered.
    public static let explain = Include(rawValue: 32)
    /// The whole document.
    public static let document: Include = [.text, .metadata, .vector, .edges]
}

/// A document that answers a question.
public struct Hit: Sendable, Equatable {
    /// Its id.
    public var id: DocumentID
    /// Larger is better.
    public var score: Double
    /// What each source said of it, when asked for.
    public var sourceScores: [SourceScore]
    /// The parts that were asked for; `nil` when none was.
    public var document: Document?
    /// The text fields that match, when asked for.
    public var highlights: [HighlightedField]

    /// Creates a hit.
    public init(
        id: DocumentID,
        score: Double,
        sourceScores: [SourceScore] = [],
        document: Document? = nil,
        highlights: [HighlightedField] = []
    ) {
        self.id = id
        self.score = score
        self.sourceScores = sourceScores
        self.document = document
        self.highlights = highlights
    }
}

/// What one source said of a hit.
public struct SourceScore: Sendable, Equatable {
    /// Index into `Query.sources`.
    public var source: Int
    /// 1 is the best; `nil` when only other sources found the document, and this one scored it.
    public var rank: Int?
    /// Larger is better; its scale is the source's own.
    public var score: Double

    /// Creates a source's word.
    public init(source: Int, rank: Int?, score: Double) {
        self.source = source
        self.rank = rank
        self.score = score
    }
}

/// How a vector source was searched.
public struct VectorExplanation: Sendable, Equatable {
    /// Index into `Query.sources`.
    public var source: Int
    /// What was used: `flat`, `hnsw` or `lsh`, the collection's strategy; `exact`, because the
    /// question asked for it; `filtered scan`, because few documents pass the filter.
    ///
    /// Later releases may know more.
    public var strategy: String
    /// Nodes of a graph whose links were followed, or documents found in buckets.
    public var visitedNodes: Int
    /// Distances that were computed, exact ones and estimates.
    public var computedDistances: Int
    /// Rows that were compared one after the other, without an index.
    public var scannedRows: Int

    /// Creates an explanation.
    public init(
        source: Int,
        strategy: String,
        visitedNodes: Int = 0,
        computedDistances: Int = 0,
        scannedRows: Int = 0
    ) {
        self.source = source
        self.strategy = strategy
        self.visitedNodes = visitedNodes
        self.computedDistances = computedDistances
        self.scannedRows = scannedRows
    }
}

/// The answer to one question.
public struct QueryResult: Sendable, Equatable {
    /// Best first; ties in the order in which the documents were written.
    public var hits: [Hit]
    /// A budget ended a source before it was done.
    public var isPartial: Bool
    /// One a vector source, in their order, when asked for.
    public var explanations: [VectorExplanation]
    /// How the filter was answered, when asked for and there is one.
    public var filter: FilterExplanation?
    /// One a text source, in their order, when asked for; none of collections with `fts5`.
    public var textExplanations: [TextExplanation]
    /// One a requested facet, in their order.
    public var facets: [Facet]

    /// Creates an answer.
    public init(
        hits: [Hit],
        isPartial: Bool = false,
        explanations: [VectorExplanation] = [],
        filter: FilterExplanation? = nil,
        textExplanations: [TextExplanation] = [],
        facets: [Facet] = []
    ) {
        self.hits = hits
        self.isPartial = isPartial
        self.explanations = explanations
        self.filter = filter
        self.textExplanations = textExplanations
        self.facets = facets
    }
}

/// The answers to the questions of a request, in their order.
public struct SearchResponse: Sendable, Equatable {
    /// One a question.
    public var results: [QueryResult]
    /// The state that all of them saw.
    public var sequenceNumber: UInt64

    /// Creates a response.
    public init(results: [QueryResult], sequenceNumber: UInt64) {
        self.results = results
        self.sequenceNumber = sequenceNumber
    }
}
