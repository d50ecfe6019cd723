// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Walks, which run on the calling thread.
extension Engine {
    /// The most edges and starts of a short walk, some tens of microseconds.
    private static let maxShortEdges = 2_000
    private static let maxShortStarts = 64
    /// The edges of a short walk between two checks of the clock: each may wait for the disk.
    private static let edgesBetweenShortChecks = 64

    /// The result of a walk on a thread for which other calls wait.
    package enum InlineWalk {
        case done(WalkResponse)
        /// The walk is not known to be short; it was not begun.
        case notBegun
        /// The walk turned out not to be short.
        case tooLong
    }

    package func walk(_ request: WalkRequest, context: CallContext) throws(LodestoneError)
        -> WalkResponse
    {
        let collection = try collection(named: request.collection, context)
        let validation = RequestValidation(limits: options.limits)
        try validation.count(request.walks.count, "walks", of: "walk")
        for (index, walk) in request.walks.enumerated() {
            try validation.walk(walk, "walks[\(index)]", needsStart: true)
        }
        return try ReadView.with(
            collection,
            catalog: catalog,
            needsRows: false,
            context: context
        ) { (view) throws(LodestoneError) in
            var results: [WalkResult] = []
            for walk in request.walks {
                let outcome = try view.steps(of: walk, context: context)
                results.append(
                    try view.result(
                        of: outcome,
                        byColumns: request.readsColumns,
                        context: context
                    )
                )
            }
            collection.noteWalk(ofBase: view.version.baseSequenceNumber)
            return Self.response(results, to: request, from: view)
        }
    }

    /// Runs a short walk on a thread for which other calls wait.
    ///
    /// The call waits neither for the writer nor, as far as that can be known beforehand, for the
    /// disk. It ends at `deadline` at the latest, and with the first edge after `maxShortEdges`.
    /// The caller uses `walk` where this call is not done.
    ///
    /// - Throws: The errors of `walk`, except for the deadline.
    package func walkInline(
        _ request: WalkRequest,
        until deadline: ContinuousClock.Instant,
        context: CallContext
    ) throws(LodestoneError) -> InlineWalk {
        guard context.visibility == nil,
            let (collection, version) = versionIfFree(of: request.collection),
            collection.hasWalked(base: version.baseSequenceNumber),
            request.walks.count == 1, let walk = request.walks.first,
            walk.from.count <= Self.maxShortStarts
        else { return .notBegun }
        try RequestValidation(limits: options.limits).walk(walk, "walks[0]", needsStart: true)
        let view = ReadView(collection: collection, version: version, rows: nil)
        let context = CallContext(deadline: deadline, replyBudget: context.replyBudget)
        var short = walk
        short.budget.edges = min(walk.budget.edges, Self.maxShortEdges)
        do throws(LodestoneError) {
            let outcome = try view.steps(
                of: short,
                edgesBetweenChecks: Self.edgesBetweenShortChecks,
                context: context
            )
            if outcome.endedBy == .edges, short.budget.edges < walk.budget.edges { return .tooLong }
            let result = try view.result(
                of: outcome,
                byColumns: request.readsColumns,
                context: context
            )
            if !version.isDamaged { return .done(Self.response([result], to: request, from: view)) }
        } catch {
            guard version.isDamaged || error.code == .deadlineExceeded else { throw error }
        }
        // `walk` makes the reply again, and repairs a damaged version.
        context.replyBudget?.restart()
        return .tooLong
    }

    private static func response(
        _ results: [WalkResult],
        to request: WalkRequest,
        from view: ReadView
    ) -> WalkResponse {
        var response = WalkResponse(
            results: results,
            sequenceNumber: view.version.sequenceNumber
        )
        response.mayUseColumns = request.readsColumns
        return response
    }
}
