// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import LodestoneWire
import Synchronization

/// The calls that describe the server and its collections.
extension RequestHandler {
    func replyToPing(_ incoming: IncomingCall) {
        incoming.reply(.pong(sequenceNumber: engine.sequenceNumber))
        metrics.record(incoming.kind, nil, nanoseconds: 0)
        noteReplied(incoming, .done)
    }

    /// Describes collections and the server.
    ///
    /// It does not run on the loop, because it first applies commits of other processes. It waits
    /// for no search, and needs no part of the requests' memory.
    func describe(_ incoming: IncomingCall) {
        guard let call = begin(incoming, nil) else { return }
        let scope = incoming.access.collections
        let job = FairQueue.Job(context: call.context) { [self] in
            guard !finishIfOver(call, on: incoming.connection) else { return }
            let reply: Reply
            do throws(LodestoneError) {
                switch incoming.request.call {
                case .listCollections:
                    reply = .collections(
                        try engine.collections(context: call.context) { scope.contains($0) }
                    )
                case .describeCollection(let name):
                    reply = .collection(try engine.describe(name, context: call.context))
                case .slowRequests(let limit): reply = .slowRequests(slow.report(limit: limit))
                default: reply = .stats(try stats(for: incoming.access, call.context))
                }
            } catch {
                incoming.connection.finish(call, .error(error))
                return
            }
            incoming.connection.finish(call, reply)
        }
        submit(job, for: call, to: descriptions, incoming.connection)
    }

    /// The state of the server; without the figures of the whole store for a credential that is
    /// for a part of it.
    private func stats(for access: Access, _ context: CallContext) throws(LodestoneError) -> Stats {
        var stats = try engine.stats(context: context) { access.collections.contains($0) }
        if !access.isWhole {
            stats.collections.removeAll { !access.collections.contains($0.name) }
            stats.statistics = []
            stats.compactionFailure = nil
            return stats
        }
        let counts = connectionLimiter.counts
        stats.statistics += [
            Statistic("server.connections", Double(counts.connections), unit: "1"),
            Statistic(
                "server.connections.unauthenticated",
                Double(counts.unauthenticated),
                unit: "1"
            ),
            // The `stats` call itself is not counted.
            Statistic("server.calls", Double(max(0, counts.calls - 1)), unit: "1"),
            Statistic("server.reads.waiting", Double(reads.waitingCount), unit: "1"),
            Statistic("server.reads.running", Double(reads.runningCount), unit: "1"),
            Statistic("server.frames.waiting", Double(frames.waitingCount), unit: "1"),
        ]
        stats.statistics += inlineSearches.statistics + inlineWalks.statistics
        for (name, budget) in memory.parts {
            let used = Double(budget.usedByteCount)
            stats.statistics += [
                Statistic("server.memory.\(name)", used, unit: "bytes"),
                Statistic("server.memory.\(name).limit", Double(budget.limit), unit: "bytes"),
            ]
        }
        return stats
    }
}
