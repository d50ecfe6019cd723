// SPDX-License-Identifier: Apache-2.0

/// The limits of a server.
///
/// `standard` has the documented defaults. A program may open an engine with other limits, within
/// the ranges of a server's settings; `Engine.open` refuses others.
public struct Limits: Sendable, Equatable {
    /// Bytes of a frame's message, once the client has said hello.
    public var maxFrameBytes = 16 << 20
    /// Bytes of a frame's message before that.
    public var maxFrameBytesBeforeHello = 4 << 10
    /// Connections at once.
    public var maxConnections = 1_024
    /// Connections at once that have not said hello; the oldest makes room for a new one.
    public var maxUnauthenticated = 128
    /// Time to say hello.
    public var helloTimeout = Duration.seconds(5)
    /// Time without a byte of a frame that has begun, and time before the frame's rate counts.
    public var frameTimeout = Duration.seconds(10)
    /// Bytes per second at which a frame must arrive after `frameTimeout`.
    public var minFrameBytesPerSecond = 64 << 10
    /// Time without a request or a reply under way.
    public var idleTimeout = Duration.seconds(600)
    /// Calls under way on one connection.
    public var maxInFlight = 64
    /// Bytes of replies that a connection has not read yet.
    public var maxUnreadBytes = 32 << 20
    /// Time in which none of those bytes is read.
    public var unreadTimeout = Duration.seconds(30)
    /// Searches and walks waiting for a worker, over all connections.
    public var maxQueuedReads = 16_384
    /// Levels of nesting in a message.
    public var maxNesting = 32
    /// Documents, ids or queries of one call.
    public var maxBatch = 10_000
    /// Documents that one drop by a filter may drop.
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
    /// Stems that a fuzzy word may stand for.
    public var maxExpansions = 1_000
    /// Words that a pattern like `*thon` may stand for.
    public var maxPatternWords = 10_000
    /// Hops of a walk.
    public var maxDepth = 8
    /// Documents that a walk may report.
    public var maxWalkNodes = 100_000
    /// Edges that a walk may look at.
    public var maxWalkEdges = 10_000_000
    /// The deadline of a call that names none.
    public var defaultDeadline = Duration.seconds(30)
    /// The longest deadline.
    public var maxDeadline = Duration.seconds(300)

    /// The longest time that the build of an index may take, also when the call names no deadline.
    public static let maxBuildTime = Duration.seconds(86_400)

    /// The documented defaults.
    public static let standard = Limits()
}
