// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
package import LodestoneCore
import LodestoneStorage

/// Reads, which run on the calling thread.
extension Engine {
    package func search(_ request: SearchRequest, context: CallContext) throws(LodestoneError)
        -> SearchResponse
    {
        let collection = try collection(named: request.collection, context)
        let version = collection.shared
        try RequestValidation(limits: options.limits).search(request, of: version.options)
        return try ReadView.with(
            collection,
            catalog: catalog,
            needsRows: request.queries.contains {
                $0.needsRows(version.options.textStrategy)
            },
            context: context
        ) { (view) throws(LodestoneError) in
            let plan = SearchPlan(
                request: request,
                view: view,
                limits: options.limits,
                context: context
            )
            let results = try plan.run()
            collection.noteSearch(ofBase: view.version.baseSequenceNumber)
            return SearchResponse(
                results: results,
                sequenceNumber: view.version.sequenceNumber
            )
        }
    }

    /// Runs a short query on the calling thread, an event loop that other calls wait for.
    ///
    /// The call ends at `deadline` at the latest. It does not wait for the writer or the disk, as
    /// far as that is known beforehand.
    ///
    /// A call that sees some documents only is never short: the visible rows may not be known, and
    /// the postings of its words must be counted.
    ///
    /// - Parameters:
    ///   - request: The search.
    ///   - deadline: The latest end.
    ///   - call: The context of the call, which gets the figures of a search that is done.
    /// - Returns: `nil` when the query is not short, or takes longer than expected; the caller then
    ///   uses `search`.
    /// - Throws: The errors of `search`, except for the deadline.
    package func searchInline(
        _ request: SearchRequest,
        until deadline: ContinuousClock.Instant,
        context call: CallContext
    ) throws(LodestoneError) -> SearchResponse? {
        guard call.visibility == nil,
            let (collection, version) = versionIfFree(of: request.collection),
            collection.hasSearched(base: version.baseSequenceNumber),
            request.isShort(in: version)
        else { return nil }
        try RequestValidation(limits: options.limits).search(request, of: version.options)
        let context = CallContext(deadline: deadline)
        let plan = SearchPlan(
            request: request,
            view: ReadView(collection: collection, version: version, rows: nil),
            limits: options.limits,
            context: context
        )
        let results: [QueryResult]
        do throws(LodestoneError) {
            results = try plan.run()
        } catch {
            if version.isDamaged || error.code == .deadlineExceeded { return nil }
            throw error
        }
        // `search` repairs a damaged version.
        if version.isDamaged { return nil }
        call.trace.copy(context.trace)
        return SearchResponse(
            results: results,
            sequenceNumber: version.sequenceNumber
        )
    }

    /// An open collection and its newest version; `nil` where a thread would wait for them.
    func versionIfFree(of name: String) -> (Collection, CollectionVersion.Shared)? {
        // Commits of other processes must be applied first, which waits for the writer.
        guard store.sharedSequenceNumber <= catalog.sequenceNumber,
            let collection = catalog.getIfOpen(name), let version = collection.sharedIfFree
        else { return nil }
        return (collection, version)
    }

    /// The existing documents, in the order of the ids.
    package func get(_ request: GetRequest, context: CallContext) throws(LodestoneError)
        -> [Document]
    {
        let collection = try collection(named: request.collection, context)
        try RequestValidation(limits: options.limits).count(
            request.ids.count,
            "ids",
            of: "id"
        )
        return try ReadView.with(
            collection,
            catalog: catalog,
            needsRows: request.include.needsRows,
            restricts: false,
            context: context
        ) { (view) throws(LodestoneError) in
            var documents: [Document] = []
            let visibility = VisibilityTest(context.visibility)
            for id in request.ids {
                try context.check()
                guard let row = view.version.ids.row(of: id), try visibility.shows(row, in: view)
                else { continue }
                let document = try view.document(row, id: id, include: request.include, context)
                try context.charge(for: document)
                documents.append(document)
            }
            return documents
        }
    }

    /// The descriptions of all collections, by name.
    ///
    /// The descriptions lack commits of other processes that another thread is still applying.
    package func collections() throws(LodestoneError) -> [CollectionDescription] {
        try catalog.catchUpIfFree()
        try catalog.describeClosed()
        var descriptions: [CollectionDescription] = []
        for record in catalog.records {
            if let description = try catalog.description(of: record.number) {
                descriptions.append(description)
            }
        }
        return descriptions
    }

    /// The description of one collection, under the same condition as `collections`.
    package func describe(_ name: String) throws(LodestoneError) -> CollectionDescription {
        try catalog.catchUpIfFree()
        guard let record = catalog.record(named: name),
            let description = try catalog.description(of: record.number)
        else { throw .noCollection(name) }
        return description
    }

    package func stats() throws(LodestoneError) -> Stats {
        try Stats(
            serverVersion: LodestoneVersion.release,
            storeVersion: store.version,
            sequenceNumber: sequenceNumber,
            collections: collections(),
            statistics: statistics(),
            compactionFailure: compactor.lastFailure.map { "\($0)" }
        )
    }

    /// The figures of the store and of the memory.
    func statistics() throws(LodestoneError) -> [Statistic] {
        let reader = try store.beginRead(context: nil)
        let logRows = Result { () throws(LodestoneError) in try reader.logRowCount() }
        reader.end()
        let graphs = GraphMemory.byteCounts
        func bytes(_ name: String, _ count: Int) -> Statistic {
            Statistic(name, Double(count), unit: "bytes")
        }
        return store.byteCounts().map { part, bytes in
            Statistic("store.bytes.\(part)", Double(bytes), unit: "bytes")
        } + [
            Statistic("store.log.rows", Double(try logRows.get()), unit: "1"),
            bytes("engine.memory.changes", catalog.deltaMemory.byteCount),
            bytes("engine.memory.changes.limit", catalog.deltaMemory.limit),
            bytes("engine.memory.caches", SQLiteMemory.byteCount),
            bytes("engine.memory.graphs", graphs.own),
            bytes("engine.memory.graphs.files", graphs.inFiles),
            bytes("store.written.documents", writer.writtenBytes.load(ordering: .relaxed)),
            bytes("store.written.bases", compactor.writtenBytes.load(ordering: .relaxed)),
        ]
    }
}
