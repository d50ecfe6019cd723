// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import LodestoneStructures

/// Versions that replace a collection's current one: from a new base, or from the rows.
extension Catalog {
    /// The version of a collection, rebuilt from the rows if its base is known to be damaged.
    func undamaged(_ collection: Collection, for context: CallContext? = nil)
        throws(LodestoneError) -> CollectionVersion
    {
        let version = collection.version
        guard version.isDamaged else { return version }
        return try withExclusiveAccess(for: context) { (lock) throws(LodestoneError) in
            try lock.changeable(collection)
        }
    }

    /// Installs the version of the newest base, with the log after it.
    func reload(_ collection: Collection) throws(LodestoneError) {
        // Most of the log is replayed before any write has to wait.
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let record = try record(of: collection, in: reader)
        var version = try CollectionVersion.load(record, from: reader)
        // Without this check, the first search after the swap would check every vector, which
        // doubled its time.
        version.checkBase()
        if version.isDamaged {
            version = try CollectionVersion.rebuild(record, from: reader)
        }
        try put(version, into: collection)
    }

    /// Switches to the base that was just made from `old`, and applies the later writes to it.
    ///
    /// - Parameters:
    ///   - collection: The collection; the caller has been inside `compacting` since the buffering
    ///     began.
    ///   - old: The version with which the buffering began.
    ///   - vertices: The new vertex ids of the vertices of `old`.
    /// - Throws: The errors of reading the store.
    func takeOver(
        _ collection: Collection,
        from old: CollectionVersion,
        vertices: ContiguousArray<VertexID>
    ) throws(LodestoneError) {
        let opened = try reading { (reader) throws(LodestoneError) in
            try CollectionVersion.open(collection.record, madeFrom: old, from: reader)
        }
        guard var version = opened else { return try reload(collection) }
        var remapper = ChangeRemapper(from: old, vertices: vertices)
        // Each round applies the writes of the previous round's time. There are fewer each time,
        // because each round is shorter.
        for _ in 0..<Self.remapRounds {
            guard let changes = collection.takeChanges() else { return try reload(collection) }
            remapper.apply(changes, to: &version)
            if changes.count < 2 { break }
        }
        try withExclusiveAccess { (_) throws(LodestoneError) in
            guard let changes = collection.takeChanges() else { return }
            remapper.apply(changes, to: &version)
            collection.replace(version)
        }
        // Another process has written, or there were too many changes. The log has all of them.
        if collection.version.baseSequenceNumber < version.baseSequenceNumber {
            try reload(collection)
        }
    }

    private static let remapRounds = 8

    /// Rebuilds the version of a collection from its rows, and installs it.
    ///
    /// Call it inside `compacting`, like `reload`: no other holder then forgets log rows.
    func remake(_ collection: Collection) throws(LodestoneError) {
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let record = try record(of: collection, in: reader)
        try put(try CollectionVersion.rebuild(record, from: reader), into: collection)
        collection.filters.removeAll()
    }

    /// The record of a collection in a reader's state; its options may be newer than the version's.
    ///
    /// If that state lacks the collection, the result is the current record.
    func record(of collection: Collection, in reader: any StoreReader)
        throws(LodestoneError) -> CollectionRecord
    {
        try reader.record(of: collection.number) ?? collection.record
    }

    /// Applies the later writes to a version, and installs it.
    private func put(_ version: CollectionVersion, into collection: Collection)
        throws(LodestoneError)
    {
        var version = version
        try withExclusiveAccess { (_) throws(LodestoneError) in
            let last = try store.beginRead(context: nil)
            defer { last.end() }
            try version.replay(try record(of: collection, in: last), from: last)
            collection.replace(version)
        }
    }
}
