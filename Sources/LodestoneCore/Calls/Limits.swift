// SPDX-License-Identifier: Apache-2.0

/// The limits of a server.
///
/// `standard` has the documented defaults. A program may open an engine with other limits, within
/// the ranges of a server's settings; `Engine.open` refuses others.
public struct Limits: Sendable, Equatable {
    /// Bytes of a frame's message, after the client's hello.
    public var maxFrameBytes = 16 << 20
    /// Bytes of a frame's message before that.
    public var maxFrameBytesBeforeHello = 4 << 10
    /// Open connections.
    public var maxConnections = 1_024
    /// Open connections without a hello; a further one closes the oldest.
    public var maxUnauthenticated = 128
    /// Time from a connection's opening to its hello.
    public var helloTimeout = Duration.seconds(5)
    /// Time without a further byte of an incomplete frame, and time before the frame's rate counts.
    public var frameTimeout = Duration.seconds(10)
    /// Bytes per second at which a frame must arrive after `frameTimeout`.
    public var minFrameBytesPerSecond = 64 << 10
    /// Time without a request in flight or an unread reply.
    public var idleTimeout = Duration.seconds(600)
    /// Calls in flight on one connection.
    public var maxInFlight = 64
    /// Bytes of replies that a client has not read.
    public var maxUnreadBytes = 32 << 20
    /// Time in which none of those bytes is read.
    public var unreadTimeout = Duration.seconds(30)
    /// Searches and walks waiting for a worker, over all connections.
    public var maxQueuedReads = 16_384
    /// Levels of nesting in a message.
    public var maxNesting = 32
    /// Documents, ids or queries of one call.
    public var maxBatch = 10_000
    /// Documents of one drop by a filter.
    public var maxFilteredDrop = 100_000
    /// Elements of a vector.
    public var maxDimension = 4_096
    /// Hits of one query.
    public var maxLimit = 1_000
    /// Candidates of one source.
    public var maxCandidates = 10_000
    /// Beam width.
    public var maxEF = 4_096
    /// Bytes of one document without its vector.
    public var maxDocumentBytes = 1 << 20
    /// Edges that leave one document.
    public var maxEdges = 10_000_000
    /// Bytes of a text query.
    public var maxQueryBytes = 4 << 10
    /// Terms of a text query.
    public var maxQueryTerms = 32
    /// Letters at the start of a fuzzy word that must be the same.
    public var maxFuzzyPrefix = 64
    /// Expansions of a fuzzy word.
    public var maxExpansions = 1_000
    /// Words that match a pattern like `*thon`.
    public var maxPatternWords = 10_000
    /// Depth of a walk, in edges.
    public var maxDepth = 8
    /// Documents that a walk may report.
    public var maxWalkNodes = 100_000
    /// Edges that a walk may read.
    public var maxWalkEdges = 10_000_000
    /// The deadline of a call without one.
    public var defaultDeadline = Duration.seconds(30)
    /// The longest deadline.
    public var maxDeadline = Duration.seconds(300)

    /// The longest time of the build of an index, and its deadline if the call has none.
    public static let maxBuildTime = Duration.seconds(86_400)

    /// The documented defaults.
    public static let standard = Limits()
}
