// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage

/// Contents from elsewhere: from a new base, or from the rows.
extension Registry {
    /// The contents of a collection; made anew from the rows when something read from its base was
    /// damaged.
    func undamaged(_ collection: Collection, for context: CallContext? = nil)
        throws(LodestoneError) -> CollectionContents
    {
        let contents = collection.contents
        guard contents.isDamaged else { return contents }
        return try changing(for: context) { (gate) throws(LodestoneError) in
            try gate.changeable(collection)
        }
    }

    /// Puts the contents of the newest base, with the log after it, in place.
    func reload(_ collection: Collection) throws(LodestoneError) {
        // Most of the log is replayed before anybody has to wait.
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let record = try record(of: collection, in: reader)
        var contents = try CollectionContents.load(record, from: reader)
        // Else the first search after the swap would check every vector: its time doubled.
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
        nodes: ContiguousArray<NodeNumber>
    ) throws(LodestoneError) {
        let opened = try reading { (reader) throws(LodestoneError) in
            try CollectionContents.open(collection.record, madeOf: old, from: reader)
        }
        guard var contents = opened else { return try reload(collection) }
        var takeover = Takeover(from: old, nodes: nodes)
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
        // Another process has written, or too much was: the log has it all.
        if collection.contents.baseSequenceNumber < contents.baseSequenceNumber {
            try reload(collection)
        }
    }

    private static let takeoverRounds = 8

    /// Makes the contents of a collection anew from its rows, and puts them in place.
    ///
    /// Inside `compacting`, as `reload`: nobody forgets what the log says meanwhile.
    func remake(_ collection: Collection) throws(LodestoneError) {
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let record = try record(of: collection, in: reader)
        try put(try CollectionContents.rebuild(record, from: reader), into: collection)
        collection.filters.removeAll()
    }

    /// A collection as a reader's state has it, whose options may be later ones than those here;
    /// as it is here, when it is gone there.
    func record(of collection: Collection, in reader: any StoreReader)
        throws(LodestoneError) -> CollectionRecord
    {
        try reader.record(of: collection.number) ?? collection.record
    }

    /// Puts contents in place, with what was written since they were made.
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
