// SPDX-License-Identifier: Apache-2.0

/// How many documents satisfy a filter, and how often values occur among them.
public struct CountRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// What is counted must satisfy it; `nil`: every document counts.
    public var filter: Filter?
    /// Fields whose values are counted.
    public var facets: [FacetRequest]

    /// Creates a request.
    public init(collection: String, filter: Filter? = nil, facets: [FacetRequest] = []) {
        self.collection = collection
        self.filter = filter
        self.facets = facets
    }
}

/// A field whose values are to be counted.
public struct FacetRequest: Sendable, Equatable {
    /// The field's name, or the names one inside the other.
    public var path: [String]
    /// The most values wanted.
    public var limit: Int

    /// Creates a request.
    public init(path: [String], limit: Int = 10) {
        self.path = path
        self.limit = limit
    }

    /// Compares the names by their bytes.
    public static func == (left: FacetRequest, right: FacetRequest) -> Bool {
        left.path.haveSameBytes(as: right.path) && left.limit == right.limit
    }
}

/// The values of a field that occur most often among the documents that pass a filter.
///
/// A list counts each of its distinct elements once; lists in lists and objects are not counted.
/// Numbers equal in value are one value, an `.int` when whole.
public struct Facet: Sendable, Equatable {
    /// One value.
    public struct Count: Sendable, Equatable {
        /// The value.
        public var value: Value
        /// Documents that have it.
        public var count: Int

        /// Creates a count.
        public init(value: Value, count: Int) {
            self.value = value
            self.count = count
        }
    }

    /// The field.
    public var path: [String]
    /// The most frequent first; ties by value: booleans, numbers, times, strings by their bytes.
    public var values: [Count]
    /// Distinct values in all.
    public var distinctValues: Int

    /// Creates a facet.
    public init(path: [String], values: [Count], distinctValues: Int) {
        self.path = path
        self.values = values
        self.distinctValues = distinctValues
    }

    /// Compares the names by their bytes.
    public static func == (left: Facet, right: Facet) -> Bool {
        left.path.haveSameBytes(as: right.path)
            && left.values == right.values
            && left.distinctValues == right.distinctValues
    }
}

/// The answer to a count, from one state of the collection.
public struct CountResponse: Sendable, Equatable {
    /// Documents that satisfy the filter.
    public var count: Int
    /// One a requested facet, in their order.
    public var facets: [Facet]
    /// How the filter was answered; `nil` without one.
    public var filter: FilterExplanation?
    /// The state that was counted.
    public var sequenceNumber: UInt64

    /// Creates an answer.
    public init(
        count: Int,
        facets: [Facet] = [],
        filter: FilterExplanation? = nil,
        sequenceNumber: UInt64
    ) {
        self.count = count
        self.facets = facets
        self.filter = filter
        self.sequenceNumber = sequenceNumber
    }
}

/// How a filter was answered.
public struct FilterExplanation: Sendable, Equatable {
    /// How: `indexed`, by indexes alone; `partly indexed`, they left some documents to be read;
    /// `scanned`, no index serves and every document was read that the last answer to this filter
    /// did not know; `cached`, nothing was written since the same filter was asked.
    ///
    /// Later releases may know more.
    public var strategy: String
    /// Documents that satisfy it.
    public var matchedDocuments: Int
    /// Documents whose metadata was read to say so.
    public var readDocuments: Int

    /// Creates an explanation.
    public init(strategy: String, matchedDocuments: Int, readDocuments: Int) {
        self.strategy = strategy
        self.matchedDocuments = matchedDocuments
        self.readDocuments = readDocuments
    }
}
