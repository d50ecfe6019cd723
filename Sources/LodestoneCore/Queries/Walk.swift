// SPDX-License-Identifier: Apache-2.0

/// The direction in which edges are followed.
public enum Direction: Int32, Sendable, CaseIterable {
    /// From source to target.
    case outgoing = 0
    /// From target to source.
    case incoming = 1
    /// Both.
    case both = 2
}

/// The limits that end a walk early; its result names the limit.
public struct WalkBudget: Sendable, Equatable {
    /// The number of documents reported.
    public var nodes: Int
    /// The number of edges read.
    public var edges: Int
    /// The time spent; `nil`: the deadline of the call.
    public var time: Duration?

    /// Creates a budget.
    public init(nodes: Int = 10_000, edges: Int = 1_000_000, time: Duration? = nil) {
        self.nodes = nodes
        self.edges = edges
        self.time = time
    }
}

/// A breadth-first walk over the edges of a collection.
public struct Walk: Sendable, Equatable {
    /// The documents at which the walk starts; they are not reported.
    ///
    /// Ids that don't exist are ignored.
    public var from: [DocumentID]
    /// Labels to follow; empty: every label.
    public var labels: [String]
    /// The direction in which edges are followed.
    public var direction: Direction
    /// The most edges between a start and a document reached: 1 to 8.
    public var depth: Int
    /// The limits at which the walk stops.
    public var budget: WalkBudget

    /// Creates a walk.
    public init(
        from: [DocumentID],
        labels: [String] = [],
        direction: Direction = .outgoing,
        depth: Int = 1,
        budget: WalkBudget = WalkBudget()
    ) {
        self.from = from
        self.labels = labels
        self.direction = direction
        self.depth = depth
        self.budget = budget
    }

    /// Compares the labels by their bytes.
    public static func == (left: Walk, right: Walk) -> Bool {
        left.from == right.from
            && left.labels.haveSameBytes(as: right.labels)
            && left.direction == right.direction
            && left.depth == right.depth
            && left.budget == right.budget
    }
}

/// A document that a walk reached, once, at its least depth.
public struct Reached: Sendable, Equatable {
    /// The document.
    public var id: DocumentID
    /// The number of edges from the nearest start.
    public var depth: Int
    /// The document on the other side of the edge that reached it.
    public var from: DocumentID
    /// The label of that edge.
    public var label: String
    /// The weight of that edge.
    public var weight: Float
    /// Whether that edge was followed against its direction.
    public var isIncoming: Bool

    /// Creates a report.
    public init(
        id: DocumentID,
        depth: Int,
        from: DocumentID,
        label: String,
        weight: Float,
        isIncoming: Bool
    ) {
        self.id = id
        self.depth = depth
        self.from = from
        self.label = label
        self.weight = weight
        self.isIncoming = isIncoming
    }

    /// Compares the label by its bytes.
    public static func == (left: Reached, right: Reached) -> Bool {
        left.id == right.id
            && left.depth == right.depth
            && left.from == right.from
            && left.label.hasSameBytes(as: right.label)
            && left.weight == right.weight
            && left.isIncoming == right.isIncoming
    }
}

/// The result of a walk.
public struct WalkResult: Sendable, Equatable {
    /// The limit that ended a walk.
    public enum Limit: Int32, Sendable {
        /// `WalkBudget.nodes`.
        case nodes = 1
        /// `WalkBudget.edges`.
        case edges = 2
        /// `WalkBudget.time`.
        case time = 3
    }

    /// The documents in the order in which they were reached: by depth.
    public var reached: ReachedDocuments
    /// The limit that ended the walk; `nil` when it is complete.
    public var endedBy: Limit?
    /// The number of edges read.
    public var edgesFollowed: Int

    /// Whether a limit ended the walk.
    public var isPartial: Bool { endedBy != nil }

    /// Creates a result.
    public init(reached: ReachedDocuments, endedBy: Limit? = nil, edgesFollowed: Int) {
        self.reached = reached
        self.endedBy = endedBy
        self.edgesFollowed = edgesFollowed
    }

    /// Creates a result with an array of documents.
    public init(reached: [Reached], endedBy: Limit? = nil, edgesFollowed: Int) {
        self.init(
            reached: ReachedDocuments(reached),
            endedBy: endedBy,
            edgesFollowed: edgesFollowed
        )
    }
}

/// A request for many walks over one collection, from one version of it.
public struct WalkRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// The walks.
    public var walks: [Walk]
    /// Whether the client can read documents in columns.
    package var readsColumns = false

    /// Creates a request.
    public init(collection: String, walks: [Walk]) {
        self.collection = collection
        self.walks = walks
    }

    /// Compares collections and walks.
    public static func == (left: WalkRequest, right: WalkRequest) -> Bool {
        left.collection == right.collection && left.walks == right.walks
    }
}

/// The results of the walks of a request, in their order.
public struct WalkResponse: Sendable, Equatable {
    /// One result per walk.
    public var results: [WalkResult]
    /// The sequence number of the version that all walks read.
    public var sequenceNumber: UInt64
    /// Whether the reply may have documents in columns.
    package var mayUseColumns = false

    /// Creates a response.
    public init(results: [WalkResult], sequenceNumber: UInt64) {
        self.results = results
        self.sequenceNumber = sequenceNumber
    }

    /// Compares results and sequence numbers.
    public static func == (left: WalkResponse, right: WalkResponse) -> Bool {
        left.results == right.results && left.sequenceNumber == right.sequenceNumber
    }
}
