// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import LodestoneStructures

/// Contents that replace a collection's present ones: from a new base, or from the rows.
extension Catalog {
    /// The contents of a collection, rebuilt from the rows if its base turned out to be damaged.
    func undamaged(_ collection: Collection, for context: CallContext? = nil)
        throws(LodestoneError) -> CollectionContents
    {
        let contents = collection.contents
        guard contents.isDamaged else { return contents }
        return try changing(for: context) { (gate) throws(LodestoneError) in
            try gate.changeable(collection)
        }
    }

    /// Installs the contents of the newest base, with the log after it.
    func reload(_ collection: Collection) throws(LodestoneError) {
        // Most of the log is replayed before any write has to wait.
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let record = try record(of: collection, in: reader)
        var contents = try CollectionContents.load(record, from: reader)
        // The check here saves the first search after the swap from checking every vector, which
        // doubled its time.
        contents.checkBase()
        if contents.isDamaged {
            contents = try CollectionContents.rebuild(record, from: reader)
        }
        try put(contents, into: collection)
    }

    /// Switches to the base that was just made of `old`, and applies the writes since then to it.
    ///
    /// - Parameters:
    ///   - collection: Inside `compacting`, since its journal began.
    ///   - old: The contents with which the journal began.
    ///   - nodes: The new numbers of the nodes of `old`.
    /// - Throws: The errors of reading the store.
    func takeOver(
        _ collection: Collection,
        from old: CollectionContents,
        nodes: ContiguousArray<VertexID>
    ) throws(LodestoneError) {
        let opened = try reading { (reader) throws(LodestoneError) in
            try CollectionContents.open(collection.record, madeOf: old, from: reader)
        }
        guard var contents = opened else { return try reload(collection) }
        var takeover = ChangeRemapper(from: old, nodes: nodes)
        // Each round applies the writes that came during the round before. They are fewer each
        // time, because each round takes less time.
        for _ in 0..<Self.takeoverRounds {
            guard let changes = collection.takeJournal() else { return try reload(collection) }
            takeover.apply(changes, to: &contents)
            if changes.count < 2 { break }
        }
        try changing { (_) throws(LodestoneError) in
            guard let changes = collection.takeJournal() else { return }
            takeover.apply(changes, to: &contents)
            collection.replace(contents)
        }
        // Another process has written, or the journal was too long. The log has all of these
        // changes.
        if collection.contents.baseSequenceNumber < contents.baseSequenceNumber {
            try reload(collection)
        }
    }

    private static let takeoverRounds = 8

    /// Rebuilds the contents of a collection from its rows, and installs them.
    ///
    /// Inside `compacting`, like `reload`, so that nobody forgets log rows meanwhile.
    func remake(_ collection: Collection) throws(LodestoneError) {
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let record = try record(of: collection, in: reader)
        try put(try CollectionContents.rebuild(record, from: reader), into: collection)
        collection.filters.removeAll()
    }

    /// The record of a collection in a reader's state, whose options may be later.
    ///
    /// If that state does not have the collection, it is the present record.
    func record(of collection: Collection, in reader: any StoreReader)
        throws(LodestoneError) -> CollectionRecord
    {
        try reader.record(of: collection.number) ?? collection.record
    }

    /// Installs contents after the writes since they were made are applied to them.
    private func put(_ contents: CollectionContents, into collection: Collection)
        throws(LodestoneError)
    {
        var contents = contents
        try changing { (_) throws(LodestoneError) in
            let last = try store.beginRead(context: nil)
            defer { last.end() }
            try contents.replay(try record(of: collection, in: last), from: last)
            collection.replace(contents)
        }
    }

}
