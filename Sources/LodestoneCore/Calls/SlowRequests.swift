// SPDX-License-Identifier: Apache-2.0

/// A request that a server has served, without its vectors.
public struct SlowRequest: Sendable, Equatable {
    /// The call: `search`.
    public var call: String
    /// The collection; `nil` for calls without one.
    public var collection: String?
    /// The sources, filters and options in short form; empty for calls without any.
    public var query: String
    /// The way in which a search found its hits: `filtered_walk`; `nil` for other calls.
    public var path: String?
    /// The time from the request's arrival until its reply.
    public var duration: Duration
    /// The time of each step, and the work of the search: `filter`, `vectors`, `computed`.
    public var steps: [Statistic]
    /// The reason of the error; `nil` for a success.
    public var error: String?
    /// The name that the client gave.
    public var client: String
    /// The client's address.
    public var peer: String
    /// The id of the request in its connection.
    public var request: UInt64
    /// The trace that the client named.
    public var trace: TraceParent?
    /// The arrival, in microseconds since 1970.
    public var beganAt: Int64

    /// Creates a request.
    public init(
        call: String,
        collection: String? = nil,
        query: String = "",
        path: String? = nil,
        duration: Duration,
        steps: [Statistic] = [],
        error: String? = nil,
        client: String,
        peer: String,
        request: UInt64,
        trace: TraceParent? = nil,
        beganAt: Int64
    ) {
        self.call = call
        self.collection = collection
        self.query = query
        self.path = path
        self.duration = duration
        self.steps = steps
        self.error = error
        self.client = client
        self.peer = peer
        self.request = request
        self.trace = trace
        self.beganAt = beganAt
    }
}

/// The requests that differ only in their constants.
public struct QueryShape: Sendable, Equatable {
    /// The call, the sources and the filters, with `?` for each constant.
    public var shape: String
    /// The collection.
    public var collection: String
    /// The number of requests.
    public var count: UInt64
    /// The number of those that failed.
    public var errorCount: UInt64
    /// The sum of their times.
    public var total: Duration
    /// The time that 99 of 100 requests did not exceed, to within a fifth.
    public var p99: Duration
    /// The longest time.
    public var longest: Duration

    /// Creates a shape.
    public init(
        shape: String,
        collection: String,
        count: UInt64,
        errorCount: UInt64 = 0,
        total: Duration,
        p99: Duration,
        longest: Duration
    ) {
        self.shape = shape
        self.collection = collection
        self.count = count
        self.errorCount = errorCount
        self.total = total
        self.p99 = p99
        self.longest = longest
    }

    /// The mean time.
    public var mean: Duration { count == 0 ? .zero : total / Double(count) }
}

/// The slow requests of a server, and its requests by shape, since a moment.
public struct SlowRequests: Sendable, Equatable {
    /// The most requests per list, and the number that a call gets which names none.
    package static let standardLimit = 128
    /// The most shapes.
    package static let maxShapes = 500

    /// The requests that took longer than `slowRequestMs`, latest first.
    public var latest: [SlowRequest]
    /// The requests that took longest, whatever their time, slowest first.
    public var slowest: [SlowRequest]
    /// The shapes of reads, by their total time, longest first.
    public var shapes: [QueryShape]
    /// The beginning, in microseconds since 1970: the start of the server.
    public var since: Int64

    /// Creates a report.
    public init(
        latest: [SlowRequest] = [],
        slowest: [SlowRequest] = [],
        shapes: [QueryShape] = [],
        since: Int64
    ) {
        self.latest = latest
        self.slowest = slowest
        self.shapes = shapes
        self.since = since
    }
}
