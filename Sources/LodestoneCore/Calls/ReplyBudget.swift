// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The budget of the reply to one call, charged while the reply is made.
///
/// The work ends as soon as the reply can't be sent. It counts a lower bound of the reply's bytes
/// on the wire, and an estimate of the memory of its values. The lower bound leaves out tags,
/// lengths and numbers, so no reply that fits a frame is refused.
///
/// Threading: any thread. `end`, or the end of the last reference, returns the memory to the
/// server's budget.
package final class ReplyBudget: Sendable {
    /// The memory of a reply that is not charged to the server's budget; enough for most replies.
    private static let freeByteCount = 64 << 10
    /// The size of the pieces in which memory is taken from the server's budget.
    private static let pieceByteCount = 256 << 10

    private let maxWireBytes: Int
    private let maxMemoryBytes: Int
    private let memory: MemoryBudget
    private let wire = Atomic<Int>(0)
    private let taken = Atomic<Int>(0)
    private let reserved = Atomic<Int>(0)

    /// - Parameters:
    ///   - maxWireBytes: The most bytes of a frame.
    ///   - maxMemoryBytes: The most memory of this reply.
    ///   - memory: The memory budget of all calls of the server.
    package init(maxWireBytes: Int, maxMemoryBytes: Int, memory: MemoryBudget) {
        self.maxWireBytes = maxWireBytes
        self.maxMemoryBytes = maxMemoryBytes
        self.memory = memory
    }

    deinit { end() }

    /// Counts a part of the reply.
    ///
    /// - Throws: `REPLY_TOO_LARGE` when the reply can't be sent; `OVERLOADED` when the replies of
    ///   other calls take the memory.
    package func charge(wire wireBytes: Int, memory memoryBytes: Int) throws(LodestoneError) {
        let wireTotal = wire.add(wireBytes, ordering: .relaxed).newValue
        guard wireTotal <= maxWireBytes else {
            throw .replyTooLarge(
                "It has \(wireTotal) bytes or more; a frame may have \(maxWireBytes)."
            )
        }
        let total = taken.add(memoryBytes, ordering: .relaxed).newValue
        guard total <= maxMemoryBytes else {
            throw .replyTooLarge(
                "It takes \(total) bytes of memory or more; the reply to one call may take "
                    + "\(maxMemoryBytes)."
            )
        }
        let missing = total - Self.freeByteCount - reserved.load(ordering: .relaxed)
        guard missing > 0 else { return }
        let piece = max(missing, Self.pieceByteCount)
        guard memory.reserve(piece) else {
            throw .noMemoryForReply(piece, limit: memory.limit)
        }
        reserved.add(piece, ordering: .relaxed)
    }

    /// Checks before a part of the reply is made whether it has room.
    ///
    /// Only this reply's own limits count.
    ///
    /// - Throws: `REPLY_TOO_LARGE` when the reply could not be sent with the part.
    package func checkRoom(wire wireBytes: Int, memory memoryBytes: Int) throws(LodestoneError) {
        let wireTotal = wire.load(ordering: .relaxed) + wireBytes
        guard wireTotal <= maxWireBytes else {
            throw .replyTooLarge(
                "It would have \(wireTotal) bytes or more; a frame may have \(maxWireBytes)."
            )
        }
        let total = taken.load(ordering: .relaxed) + memoryBytes
        guard total <= maxMemoryBytes else {
            throw .replyTooLarge(
                "It would take \(total) bytes of memory or more; the reply to one call may take "
                    + "\(maxMemoryBytes)."
            )
        }
    }

    /// Forgets the parts that were counted, because the reply is made again from its beginning.
    ///
    /// Memory that was taken from the server's budget stays taken until `end`.
    package func restart() {
        wire.store(0, ordering: .relaxed)
        taken.store(0, ordering: .relaxed)
    }

    /// Returns the memory to the server's budget, after the reply is encoded.
    package func end() {
        memory.release(reserved.exchange(0, ordering: .relaxed))
    }
}

extension CallContext {
    /// Counts a part of a bounded reply: see `ReplyBudget.charge`.
    package func charge(wire: Int, memory: Int) throws(LodestoneError) {
        try replyBudget?.charge(wire: wire, memory: memory)
    }

    /// Checks whether a part of a bounded reply has room: see `ReplyBudget.checkRoom`.
    package func checkRoom(wire: Int, memory: Int) throws(LodestoneError) {
        try replyBudget?.checkRoom(wire: wire, memory: memory)
    }
}

extension LodestoneError {
    /// The error for a reply that does not fit into a frame, or takes too much memory before it
    /// does.
    package static func replyTooLarge(_ detail: String) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .replyTooLarge,
            "The reply is too large. \(detail)",
            recovery: "Request fewer documents or hits in one call, or leave vectors or edges out: "
                + "list_edges returns the edges of a document in pages."
        )
    }

    fileprivate static func noMemoryForReply(_ byteCount: Int, limit: Int) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .overloaded,
            "The reply needs \(byteCount) more bytes of memory; all replies in progress may take "
                + "\(limit) together.",
            recovery: "Try again when other calls have ended, or request less in one call.",
            retryAfter: .milliseconds(50)
        )
    }
}
