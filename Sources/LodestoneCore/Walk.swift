// SPDX-License-Identifier: Apache-2.0

/// Which way edges are followed.
public enum Direction: Int32, Sendable, CaseIterable {
    /// From source to target.
    case outgoing = 0
    /// From target to source.
    case incoming = 1
    /// Both.
    case both = 2
}

/// Where a walk stops even if it is not done; it then reports which limit ended it.
public struct WalkBudget: Sendable, Equatable {
    /// Documents reported.
    public var nodes: Int
    /// Edges looked at.
    public var edges: Int
    /// Time spent; `nil`: the deadline of the call.
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
    /// Where it starts; these are not reported.
    ///
    /// Ids that don't exist are passed over.
    public var from: [DocumentID]
    /// Labels to follow; none means every label.
    public var labels: [String]
    /// Which way.
    public var direction: Direction
    /// The most edges between a start and a document reached: 1 to 8.
    public var depth: Int
    /// Where it stops.
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
    /// Edges from the nearest start.
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

/// What a walk found.
public struct WalkResult: Sendable, Equatable {
    /// Which limit ended a walk.
    public enum Limit: Int32, Sendable {
        /// `WalkBudget.nodes`.
        case nodes = 1
        /// `WalkBudget.edges`.
        case edges = 2
        /// `WalkBudget.time`.
        case time = 3
    }

    /// In the order in which they were reached: by depth.
    public var reached: [Reached]
    /// The limit that ended the walk; `nil` when it is complete.
    public var endedBy: Limit?
    /// Edges looked at.
    public var edgesFollowed: Int

    /// Whether a limit ended the walk.
    public var isPartial: Bool { endedBy != nil }

    /// Creates a result.
    public init(reached: [Reached], endedBy: Limit? = nil, edgesFollowed: Int) {
        self.reached = reached
        self.endedBy = endedBy
        self.edgesFollowed = edgesFollowed
    }
}

/// Many walks over one collection, from one state of it.
public struct WalkRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// The walks.
    public var walks: [Walk]

    /// Creates a request.
    public init(collection: String, walks: [Walk]) {
        self.collection = collection
        self.walks = walks
    }
}

/// The results of the walks of a request, in their order.
public struct WalkResponse: Sendable, Equatable {
    /// One a walk.
    public var results: [WalkResult]
    /// The state that all of them saw.
    public var sequenceNumber: UInt64

    /// Creates a response.
    public init(results: [WalkResult], sequenceNumber: UInt64) {
        self.results = results
        self.sequenceNumber = sequenceNumber
    }
}
