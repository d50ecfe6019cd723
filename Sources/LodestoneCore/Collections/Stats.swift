// SPDX-License-Identifier: Apache-2.0

/// A figure of the server.
public struct Statistic: Sendable, Equatable {
    /// The name, for example `store.bytes.segments`.
    public var name: String
    /// The value.
    public var value: Double
    /// The unit: `bytes`, `1`, `s`.
    public var unit: String

    /// Creates a figure.
    public init(_ name: String, _ value: Double, unit: String) {
        self.name = name
        self.value = value
        self.unit = unit
    }
}

/// The state of a server and its store.
public struct Stats: Sendable, Equatable {
    /// Lodestone's version.
    public var serverVersion: String
    /// The database below the store, for example `SQLite 3.40.1`.
    public var storeVersion: String
    /// The sequence number of the last batch.
    public var sequenceNumber: UInt64
    /// The description of every collection.
    public var collections: [CollectionDescription]
    /// The figures of the server.
    public var statistics: [Statistic]
    /// The reason why the last compaction failed, if it did.
    public var compactionFailure: String?

    /// Creates a state.
    public init(
        serverVersion: String,
        storeVersion: String,
        sequenceNumber: UInt64,
        collections: [CollectionDescription],
        statistics: [Statistic],
        compactionFailure: String? = nil
    ) {
        self.serverVersion = serverVersion
        self.storeVersion = storeVersion
        self.sequenceNumber = sequenceNumber
        self.collections = collections
        self.statistics = statistics
        self.compactionFailure = compactionFailure
    }
}
