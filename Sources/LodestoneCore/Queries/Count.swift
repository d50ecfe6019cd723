// SPDX-License-Identifier: Apache-2.0

/// A request to count the documents that satisfy a filter, and the values of fields among them.
public struct CountRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// The filter that counted documents satisfy; `nil` counts every document.
    public var filter: Filter?
    /// The fields whose values are counted.
    public var facets: [FacetRequest]

    /// Creates a request.
    public init(collection: String, filter: Filter? = nil, facets: [FacetRequest] = []) {
        self.collection = collection
        self.filter = filter
        self.facets = facets
    }
}

/// A request for the counts of a field's values.
public struct FacetRequest: Sendable, Equatable {
    /// The field's name, preceded by the names of enclosing objects.
    public var path: [String]
    /// The most values to return.
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

/// The most frequent values of a field among the documents that pass a filter.
///
/// Each distinct element of a list counts once. Lists in lists and objects are not counted. Numbers
/// equal in value are one value, an `.int` when whole.
public struct Facet: Sendable, Equatable {
    /// One value.
    public struct Count: Sendable, Equatable {
        /// The value.
        public var value: Value
        /// The number of documents that have the value.
        public var count: Int

        /// Creates a count.
        public init(value: Value, count: Int) {
            self.value = value
            self.count = count
        }
    }

    /// The field.
    public var path: [String]
    /// The values, the most frequent first; ties by value: booleans, numbers, times, strings by
    /// their bytes.
    public var values: [Count]
    /// The number of distinct values.
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

/// The result of a count, from one version of the collection.
public struct CountResponse: Sendable, Equatable {
    /// The number of documents that satisfy the filter.
    public var count: Int
    /// One facet per requested facet, in their order.
    public var facets: [Facet]
    /// The explanation of the filter; `nil` without a filter.
    public var filter: FilterExplanation?
    /// The sequence number of the version that was counted.
    public var sequenceNumber: UInt64

    /// Creates a result.
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

/// The evaluation of a filter.
public struct FilterExplanation: Sendable, Equatable {
    /// The strategy.
    ///
    /// `indexed`: by indexes alone. `partly indexed`: documents that the indexes left undecided
    /// were read. `scanned`: no field is indexed, and every document was read, except those that
    /// the earlier result of the filter covers. `cached`: nothing was written since the earlier
    /// result.
    ///
    /// Later releases may have more.
    public var strategy: String
    /// The number of documents that satisfy the filter.
    public var matchedDocuments: Int
    /// The number of documents whose metadata was read.
    public var readDocuments: Int

    /// Creates an explanation.
    public init(strategy: String, matchedDocuments: Int, readDocuments: Int) {
        self.strategy = strategy
        self.matchedDocuments = matchedDocuments
        self.readDocuments = readDocuments
    }
}
