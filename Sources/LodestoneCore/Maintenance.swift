// SPDX-License-Identifier: Apache-2.0

/// A snapshot: everything that a store held at one sequence number, in one file.
public struct SnapshotDescription: Sendable, Equatable {
    /// The longest name.
    package static let maxNameLength = 64

    /// Its name on the server; empty for an archive that is only a file.
    public var name: String
    /// The last batch that it holds.
    public var sequenceNumber: UInt64
    /// Bytes of the archive.
    public var byteCount: UInt64
    /// When it was begun, in microseconds since 1970-01-01T00:00Z.
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
    /// From the offset on that was asked for; none at the end of the file.
    public var bytes: [UInt8]
    /// Bytes of the whole file.
    public var byteCount: UInt64

    /// What is read when nothing else is asked for.
    public static let standardByteCount = 1 << 20
    /// The most that is read at once.
    public static let maxByteCount = 8 << 20

    /// Creates a part.
    public init(bytes: [UInt8], byteCount: UInt64) {
        self.bytes = bytes
        self.byteCount = byteCount
    }
}

/// What an erasure has made sure of.
public struct EraseReceipt: Sendable, Equatable {
    /// Documents that were dropped or replaced up to this batch are in no file of the store.
    public var sequenceNumber: UInt64
    /// Snapshots that may still have them, by name.
    public var snapshots: [String]

    /// Creates a receipt.
    public init(sequenceNumber: UInt64, snapshots: [String]) {
        self.sequenceNumber = sequenceNumber
        self.snapshots = snapshots
    }
}

/// Something in a store that is not as it was written.
public struct Damage: Sendable, Equatable {
    /// What kind of thing: `database`, `log`, `row`, `vectors`, `words`, `edges`, `memory`,
    /// `base`; later releases may know more.
    public var kind: String
    /// The collection, if it is of one.
    public var collection: String?
    /// Which: a document's id, a row, a batch, a file.
    public var object: String
    /// What is wrong with it.
    public var message: String
    /// What to do.
    public var recovery: String
    /// It was derived from something intact, and has been made anew.
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

/// What a verification looked at, and what it found.
public struct VerifyReport: Sendable, Equatable {
    /// At most so many damages are listed; all are counted.
    public static let maxListed = 1_000

    /// The last batch that was looked at.
    public var sequenceNumber: UInt64
    /// Batches of the log.
    public var batches: UInt64 = 0
    /// Rows whose content was compared with their checksums.
    public var rows: UInt64 = 0
    /// Vectors that were read again from their files.
    public var vectors: UInt64 = 0
    /// Edges that were read from the rows.
    public var edges: UInt64 = 0
    /// What is damaged: the first `maxListed`.
    public private(set) var damages: [Damage] = []
    /// How much is damaged, also what is not listed.
    public private(set) var damageCount: UInt64 = 0

    /// Creates a report; without a `damageCount` as many are damaged as are listed.
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

    /// Nothing is damaged.
    public var isClean: Bool { damageCount == 0 }

    /// Counts a damage, and lists it while there is room.
    package mutating func note(_ damage: @autoclosure () -> Damage) {
        damageCount += 1
        if damages.count < Self.maxListed { damages.append(damage()) }
    }

    /// Says of the damages of a kind in a collection that they were made good.
    package mutating func markRepaired(_ kind: String, of collection: String) {
        for index in damages.indices
        where damages[index].kind == kind && damages[index].collection == collection {
            damages[index].isRepaired = true
        }
    }
}

extension LodestoneError {
    /// A snapshot or a verification is under way.
    package static var maintenanceRuns: LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: "MAINTENANCE_RUNS",
            "Another snapshot or verification of this store is under way.",
            recovery: "Wait until it has ended."
        )
    }
}
