// SPDX-License-Identifier: Apache-2.0

/// A snapshot: one file with the whole store at one sequence number.
public struct SnapshotDescription: Sendable, Equatable {
    /// The longest name.
    package static let maxNameLength = 64

    /// The name on the server; empty for an archive that is a local file.
    public var name: String
    /// The sequence number of its last batch.
    public var sequenceNumber: UInt64
    /// The number of bytes of the archive.
    public var byteCount: UInt64
    /// The time at which the snapshot began, in microseconds since 1970-01-01T00:00Z.
    public var createdAt: Int64

    /// Creates a description.
    public init(name: String, sequenceNumber: UInt64, byteCount: UInt64, createdAt: Int64) {
        self.name = name
        self.sequenceNumber = sequenceNumber
        self.byteCount = byteCount
        self.createdAt = createdAt
    }
}

/// Some bytes of a snapshot's file.
public struct SnapshotPart: Sendable, Equatable {
    /// The bytes from the requested offset on; none at the end of the file.
    public var bytes: [UInt8]
    /// The number of bytes of the whole file.
    public var byteCount: UInt64

    /// The number of bytes to read by default.
    public static let standardByteCount = 1 << 20
    /// The most bytes of one read.
    public static let maxByteCount = 8 << 20

    /// Creates a part.
    public init(bytes: [UInt8], byteCount: UInt64) {
        self.bytes = bytes
        self.byteCount = byteCount
    }
}

/// The result of an erasure.
public struct EraseReceipt: Sendable, Equatable {
    /// The sequence number up to which dropped and replaced documents are in no file of the store.
    public var sequenceNumber: UInt64
    /// The names of the snapshots that may still have such documents.
    public var snapshots: [String]

    /// Creates a receipt.
    public init(sequenceNumber: UInt64, snapshots: [String]) {
        self.sequenceNumber = sequenceNumber
        self.snapshots = snapshots
    }
}

/// A part of a store that differs from the written data.
public struct Damage: Sendable, Equatable {
    /// The kind of the part: `database`, `log`, `row`, `vectors`, `words`, `edges`, `values`,
    /// `memory`, `base`; later releases may have more.
    public var kind: String
    /// The collection, if the part belongs to one.
    public var collection: String?
    /// The part: a document's id, a row, a batch, a file.
    public var object: String
    /// The damage.
    public var message: String
    /// The action to take.
    public var recovery: String
    /// Whether the part was derived from intact data, and has been rebuilt.
    public var isRepaired: Bool

    /// Creates a description of damage.
    public init(
        kind: String,
        collection: String? = nil,
        object: String,
        message: String,
        recovery: String,
        isRepaired: Bool = false
    ) {
        self.kind = kind
        self.collection = collection
        self.object = object
        self.message = message
        self.recovery = recovery
        self.isRepaired = isRepaired
    }
}

/// The result of a verification.
public struct VerifyReport: Sendable, Equatable {
    /// The most damages that are listed; all are counted.
    public static let maxListed = 1_000

    /// The sequence number of the last verified batch.
    public var sequenceNumber: UInt64
    /// The number of batches of the log.
    public var batches: UInt64 = 0
    /// The number of rows whose content was compared with their checksums.
    public var rows: UInt64 = 0
    /// The number of vectors that were read again from their files.
    public var vectors: UInt64 = 0
    /// The number of edges that were read from the rows.
    public var edges: UInt64 = 0
    /// The first `maxListed` damages.
    public private(set) var damages: [Damage] = []
    /// The number of all damages, listed or not.
    public private(set) var damageCount: UInt64 = 0

    /// Creates a report; the default `damageCount` is the number of listed damages.
    public init(
        sequenceNumber: UInt64 = 0,
        batches: UInt64 = 0,
        rows: UInt64 = 0,
        vectors: UInt64 = 0,
        edges: UInt64 = 0,
        damages: [Damage] = [],
        damageCount: UInt64? = nil
    ) {
        self.sequenceNumber = sequenceNumber
        self.batches = batches
        self.rows = rows
        self.vectors = vectors
        self.edges = edges
        self.damages = damages
        self.damageCount = damageCount ?? UInt64(damages.count)
    }

    /// Whether nothing is damaged.
    public var isClean: Bool { damageCount == 0 }

    /// Counts a damage, and lists it if fewer than `maxListed` are listed.
    package mutating func note(_ damage: @autoclosure () -> Damage) {
        damageCount += 1
        if damages.count < Self.maxListed { damages.append(damage()) }
    }

    /// Marks the damages of a kind in a collection as repaired.
    package mutating func markRepaired(_ kind: String, of collection: String) {
        for index in damages.indices
        where damages[index].kind == kind && damages[index].collection == collection {
            damages[index].isRepaired = true
        }
    }
}

extension LodestoneError {
    /// The error for a call during another snapshot, verification or erasure.
    package static var maintenanceRuns: LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .maintenanceRuns,
            "Another snapshot or verification of this store is under way.",
            recovery: "Wait until it has ended."
        )
    }
}
