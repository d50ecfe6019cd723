// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import LodestoneWire
import Synchronization

/// The calls that read documents, and the deletion of snapshots.
///
/// They run on a worker, or inline on the loop.
extension RequestHandler {
    func read(_ collection: String?, _ incoming: IncomingCall) {
        guard let call = begin(incoming, collection) else { return }
        if runInline(call, incoming.request.call, incoming.connection) { return }
        enqueue(call, incoming.request.call, incoming.connection)
    }

    /// Runs a short search or walk on the loop, when no other work is known to wait for the loop or
    /// a worker.
    ///
    /// Waking a worker costs more than a short walk of edges, or than a short search apart from its
    /// walk in the graph. A call that takes too long restarts on a worker, and for a while no other
    /// runs inline.
    ///
    /// - Returns: Whether the call has its reply.
    private func runInline(_ call: PendingCall, _ read: Call, _ connection: Connection) -> Bool {
        let kind: InlineReads
        switch read {
        case .search: kind = inlineSearches
        case .walk: kind = inlineWalks
        default: return false
        }
        guard connection.isLastReady, connection.calls.count == 1, call.access.visibility == nil,
            reads.mayBypass(connection.queueID), kind.gate.permits(call.acceptedAt),
            !connection.isBackpressured, !output.isFull
        else { return false }
        // The call may have been accepted much earlier in this iteration of the loop.
        let start = ContinuousClock.now
        let deadline = min(start.advanced(by: kind.gate.limit), call.context.deadline)
        var reply: Reply?
        var isTooLong = false
        do throws(LodestoneError) {
            switch read {
            case .search(let search):
                reply = try engine.searchInline(search, until: deadline, context: call.context)
                    .map { .search($0) }
            case .walk(let walk):
                switch try engine.walkInline(walk, until: deadline, context: call.context) {
                case .done(let response): reply = .walk(response)
                case .notBegun: return false
                case .tooLong: isTooLong = true
                }
            default: break
            }
        } catch {
            reply = .error(error)
        }
        let end = ContinuousClock.now
        kind.gate.note(start, end, isRestarted: isTooLong)
        guard let reply else {
            if isTooLong || end >= deadline { kind.noteRestarted() }
            return false
        }
        kind.noteInline()
        if !connection.isKnownForShortReads {
            // If this connection's usual time were unknown to the queue, long reads of others would
            // delay its next search.
            connection.isKnownForShortReads = true
            reads.note(start.duration(to: end), of: connection.queueID)
        }
        connection.finish(call, reply)
        sampleRecall(of: call, read, reply)
        return true
    }

    private func enqueue(_ call: PendingCall, _ read: Call, _ connection: Connection) {
        let job = FairQueue.Job(context: call.context) { self.perform(call, read, connection) }
        submit(job, for: call, to: reads, connection)
    }

    /// Performs a read on a worker.
    private func perform(_ call: PendingCall, _ read: Call, _ connection: Connection) {
        guard !finishIfOver(call, on: connection) else { return }
        if connection.isBackpressured {
            connection.deferWork { self.enqueue(call, read, connection) }
            return
        }
        let mayBegin = output.enter(
            call.context,
            isBlocked: { connection.stream.stalledSince != nil }
        ) {
            self.enqueue(call, read, connection)
        }
        guard mayBegin else { return }
        metrics.readWait.recordNanoseconds(call.acceptedAt.duration(to: .now).nanoseconds)
        let reply: Reply
        do {
            switch read {
            case .get(let get): reply = .documents(try engine.get(get, context: call.context))
            case .scan(let scan): reply = .page(try engine.scan(scan, context: call.context))
            case .count(let count):
                reply = .counted(try engine.count(count, context: call.context))
            case .search(let search):
                reply = .search(try engine.search(search, context: call.context))
            case .walk(let walk): reply = .walk(try engine.walk(walk, context: call.context))
            case .listEdges(let request):
                reply = .edges(try engine.listEdges(request, context: call.context))
            case .deleteSnapshot(let name):
                try engine.deleteSnapshot(name)
                reply = .done(sequenceNumber: engine.sequenceNumber)
            case .fetchSnapshot(let name, let offset, let maxBytes):
                reply = .snapshotPart(
                    try engine.fetchSnapshot(
                        name,
                        at: offset,
                        maxBytes: maxBytes,
                        context: call.context
                    )
                )
            case .listSnapshots:
                reply = .snapshots(try engine.snapshots(context: call.context))
            default: reply = .error(.broken("\(call.kind.name) was queued as a read"))
            }
        } catch {
            connection.finish(call, .error(error))
            return
        }
        connection.finish(call, reply)
        sampleRecall(of: call, read, reply)
    }

    /// Repeats a search exactly, if it is time for a sample and no read waits or runs.
    ///
    /// The exact search sees all documents, so a search that sees some of them is no sample.
    private func sampleRecall(of call: PendingCall, _ read: Call, _ reply: Reply) {
        guard let recall, call.access.visibility == nil, case .search(let search) = read,
            case .search(let response) = reply
        else { return }
        recall.sample(search, response, path: call.context.trace.searchPath) { [reads] in
            reads.waitingCount == 0 && reads.runningCount == 0
        }
    }
}
