// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Descriptions for calls that may see some documents only.
///
/// A restricted description has the figures of the visible documents. It leaves out sizes and the
/// state of indexes, because they depend on all documents.
extension Engine {
    /// The descriptions of collections, by name.
    ///
    /// - Parameters:
    ///   - context: The call's context.
    ///   - isWanted: Whether the collection with a name is described. A restricted call opens no
    ///     other.
    /// - Returns: The descriptions of the wanted collections.
    /// - Throws: The errors of a read, and those of `context`.
    package func collections(
        context: CallContext,
        where isWanted: (_ name: String) -> Bool = { _ in true }
    ) throws(LodestoneError) -> [CollectionDescription] {
        if context.visibility == nil { return try collections().filter { isWanted($0.name) } }
        try catalog.catchUp(for: context)
        var seen: [CollectionDescription] = []
        for record in catalog.records where isWanted(record.name) {
            // A collection that was dropped meanwhile is skipped.
            guard let collection = try catalog.get(record.number, for: context) else { continue }
            seen.append(try restricted(collection, context))
        }
        return seen
    }

    /// The description of one collection.
    package func describe(_ name: String, context: CallContext) throws(LodestoneError)
        -> CollectionDescription
    {
        if context.visibility == nil { return try describe(name) }
        return try restricted(try collection(named: name, context), context)
    }

    /// The state of the store; a restricted one has no figures of the store.
    package func stats(
        context: CallContext,
        where isWanted: (_ name: String) -> Bool = { _ in true }
    ) throws(LodestoneError) -> Stats {
        if context.visibility == nil { return try stats() }
        return Stats(
            serverVersion: LodestoneVersion.release,
            storeVersion: store.version,
            sequenceNumber: sequenceNumber,
            collections: try collections(context: context, where: isWanted),
            statistics: []
        )
    }

    private func restricted(_ collection: Collection, _ context: CallContext)
        throws(LodestoneError) -> CollectionDescription
    {
        try ReadView.with(
            collection,
            catalog: catalog,
            needsRows: true,
            context: context
        ) { (view) throws(LodestoneError) in
            let version = view.version
            let visibility = view.visibility
            let vectors = visibility?.vectorCount(in: version.vectors.table) ?? 0
            return CollectionDescription(
                name: collection.name,
                options: version.options,
                documents: visibility?.rows.rows.count ?? 0,
                vectors: vectors,
                edges: visibility?.edgeCount(in: version) ?? 0,
                sequenceNumber: version.sequenceNumber,
                changesSinceBase: 0,
                baseByteCount: 0,
                index: IndexStatus(
                    strategy: version.options.vectorStrategy,
                    indexedVectors: vectors
                ),
                buildingIndexes: version.fields.incompleteFields.map {
                    MetadataIndex(path: $0.path)
                },
                number: UInt64(clamping: collection.number)
            )
        }
    }
}
