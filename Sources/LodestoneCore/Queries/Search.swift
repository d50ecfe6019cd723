// SPDX-License-Identifier: Apache-2.0

/// A request with many queries to one version of a collection.
public struct SearchRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// The queries.
    public var queries: [Query]

    /// Creates a request.
    public init(collection: String, queries: [Query]) {
        self.collection = collection
        self.queries = queries
    }
}

/// One query: sources of hits, a filter that all hits pass, and the fusion of the sources.
public struct Query: Sendable, Equatable {
    /// The sources of hits; at least one.
    public var sources: [Source]
    /// The filter that every hit must satisfy.
    public var filter: Filter?
    /// The fusion of the sources' lists; unused with one source.
    public var fusion: Fusion
    /// The most hits to return.
    public var limit: Int
    /// The parts of each hit to return.
    public var include: Include
    /// The highlights of each hit's texts; `nil`: none.
    public var highlight: Highlight?
    /// The fields whose values are counted, over all documents that pass the filter.
    ///
    /// The sources don't change the counts, so a count with the same filter has the same facets.
    public var facets: [FacetRequest]

    /// Creates a query.
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

/// One source of hits, with its weight in the fusion.
public struct Source: Sendable, Equatable {
    /// The kind of a source.
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

    /// The kind of this source.
    public var kind: Kind
    /// The weight, finite and not negative; `nil`: 1 by reciprocal rank, and by scores 0.6 for a
    /// text and 0.4 for others, or 0.8 and 0.2 where text fields have weights.
    public var weight: Float?
    /// The number of best hits of the source that enter the fusion; `nil`: 100.
    ///
    /// With a larger limit, further hits of the source follow after all hits that entered.
    public var candidates: Int?

    /// Creates a source.
    public init(_ kind: Kind, weight: Float? = nil, candidates: Int? = nil) {
        self.kind = kind
        self.weight = weight
        self.candidates = candidates
    }

    /// A source of documents near `vector`.
    public static func near(
        _ vector: [Float],
        exact: Bool = false,
        efSearch: Int? = nil,
        weight: Float? = nil
    ) -> Source {
        Source(.vector(NearVector(vector, exact: exact, efSearch: efSearch)), weight: weight)
    }

    /// A source of documents that match `text`.
    public static func matching(
        _ text: String,
        mode: TextMode = .anyWord,
        fuzzy: Fuzziness? = nil,
        weight: Float? = nil
    ) -> Source {
        Source(.text(MatchText(text, mode: mode, fuzzy: fuzzy)), weight: weight)
    }
}

/// A vector, and the options of the search for near documents.
public struct NearVector: Sendable, Equatable {
    /// The vector, as many float32 as the collection's dimension.
    public var vector: [Float]
    /// Whether every vector is compared, with any strategy.
    public var exact: Bool
    /// The beam width for this search; `nil`: the collection's.
    public var efSearch: Int?

    /// Creates a vector query.
    public init(_ vector: [Float], exact: Bool = false, efSearch: Int? = nil) {
        self.vector = vector
        self.exact = exact
        self.efSearch = efSearch
    }
}

/// The syntax of a text query.
public enum TextMode: Int32, Sendable, CaseIterable {
    /// Plain words: documents with any of them, best first.
    ///
    /// Nothing in the text is syntax. Stop words are left out, unless there are no others.
    case anyWord = 0
    /// Query syntax: words, "phrases", prefix*, *substring*, typo~, field:word, AND OR NOT, and
    /// parentheses.
    case querySyntax = 1
}

/// A text query.
public struct MatchText: Sendable, Equatable {
    /// The text, at most 4 KiB and 32 terms in query syntax; further plain words are left out.
    public var query: String
    /// The syntax of the text.
    public var mode: TextMode
    /// The distance at which each word finds other words, so that typing errors match; `nil`: none.
    ///
    /// In query syntax a word may have its own distance. Words in phrases, and words with a star,
    /// are not fuzzy.
    public var fuzzy: Fuzziness?

    /// Creates a text query.
    public init(_ query: String, mode: TextMode = .anyWord, fuzzy: Fuzziness? = nil) {
        self.query = query
        self.mode = mode
        self.fuzzy = fuzzy
    }
}

/// The formula that merges several ranked lists.
///
/// With every formula, the order of the first hits does not depend on the limit, and equal scores
/// of a source count equally. A source without hits, or of weight 0, adds nothing.
public enum Fusion: Sendable, Equatable {
    /// Sum of weight / (k + rank); equal scores have equal ranks.
    case reciprocalRank(k: Int = 60)
    /// Weighted sum of shares, each from 0 to 1: the default.
    ///
    /// Vector and text sources also score the documents that only other sources found.
    case weightedScores(Normalization = .best)

    /// The scale that makes scores of different sources comparable.
    public enum Normalization: Int32, Sendable, CaseIterable {
        /// The share of the source's best score; 0 is the score of an ordinary document.
        ///
        /// The first ranks add a little. If sources disagree on each other's first hits, the first
        /// five of each rise to the top. A document that alone matches a text comes first.
        case best = 0
        /// From 0 for a text that doesn't match, or the smallest score that a vector source has for
        /// the candidates, to 1 for the largest.
        case minMax = 1

        /// The earlier name of `best`.
        public static var deviation: Normalization { .best }
    }
}

/// The parts of a hit or a document to return, in addition to the id.
public struct Include: OptionSet, Sendable {
    /// One bit per part.
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
    /// For hits: the rank and score from each source.
    public static let sourceScores = Include(rawValue: 16)
    /// For results: the explanations of the vector sources, the text sources and the filter.
    public static let explain = Include(rawValue: 32)
    /// The whole document.
    public static let document: Include = [.text, .metadata, .vector, .edges]
}

/// A document of a result.
public struct Hit: Sendable, Equatable {
    /// The document's id.
    public var id: DocumentID
    /// The score; larger is better.
    public var score: Double
    /// The rank and score from each source, if they were requested.
    public var sourceScores: [SourceScore]
    /// The requested parts of the document; `nil` when none was requested.
    public var document: Document?
    /// The text fields that match, if they were requested.
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

/// The rank and score of a hit from one source.
public struct SourceScore: Sendable, Equatable {
    /// The index of the source in `Query.sources`.
    public var source: Int
    /// The rank, 1 for the best; `nil` when only other sources found the document and this one
    /// scored it.
    public var rank: Int?
    /// The score; larger is better, on the source's own scale.
    public var score: Double

    /// Creates a source's score.
    public init(source: Int, rank: Int?, score: Double) {
        self.source = source
        self.rank = rank
        self.score = score
    }
}

/// The explanation of the search of a vector source.
public struct VectorExplanation: Sendable, Equatable {
    /// The index of the source in `Query.sources`.
    public var source: Int
    /// The strategy: `flat`, `hnsw` or `lsh`, that of the collection; `exact`, if the query
    /// requires it; `filtered scan`, if few documents pass the filter.
    ///
    /// Later releases may have more.
    public var strategy: String
    /// The number of graph nodes whose links were followed, or of documents found in buckets.
    public var visitedNodes: Int
    /// The number of distances that were computed, exact ones and estimates.
    public var computedDistances: Int
    /// The number of rows that were scanned, without an index.
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

/// The result of one query.
public struct QueryResult: Sendable, Equatable {
    /// The hits, best first; ties in the order of writing.
    public var hits: [Hit]
    /// Whether a budget ended a source before it was done.
    public var isPartial: Bool
    /// One explanation per vector source, in their order, if requested.
    public var explanations: [VectorExplanation]
    /// The explanation of the filter, if requested and there is a filter.
    public var filter: FilterExplanation?
    /// One explanation per text source, in their order, if requested.
    ///
    /// With `fts5` it has only the words that were left out, and is missing if there are none.
    public var textExplanations: [TextExplanation]
    /// One facet per requested facet, in their order.
    public var facets: [Facet]

    /// Creates a result.
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

/// The results of the queries of a request, in their order.
public struct SearchResponse: Sendable, Equatable {
    /// One result per query.
    public var results: [QueryResult]
    /// The sequence number of the version that all queries read.
    public var sequenceNumber: UInt64

    /// Creates a response.
    public init(results: [QueryResult], sequenceNumber: UInt64) {
        self.results = results
        self.sequenceNumber = sequenceNumber
    }
}
