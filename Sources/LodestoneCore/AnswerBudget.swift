// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// What the answer to one call takes, counted while it is made, so that the work ends as soon as the
/// answer can't be sent.
///
/// Two things are counted: the bytes that the reply has on the wire at least, and about as much memory
/// as its values take. The first never refuses a reply that fits into a frame: it leaves out tags,
/// lengths and numbers.
///
/// Threading: any thread. Memory goes back to the server's budget with `end`, at the latest when the
/// last reference ends.
package final class AnswerBudget: Sendable {
    /// Memory that an answer may take before the server's budget is asked: most take no more.
    private static let freeByteCount = 64 << 10
    /// Memory is taken from the server's budget in pieces of this size.
    private static let pieceByteCount = 256 << 10

    private let maxWireBytes: Int
    private let maxMemoryBytes: Int
    private let memory: MemoryBudget
    private let wire = Atomic<Int>(0)
    private let taken = Atomic<Int>(0)
    private let reserved = Atomic<Int>(0)

    /// - Parameters:
    ///   - maxWireBytes: The bytes of a frame.
    ///   - maxMemoryBytes: The memory of this answer.
    ///   - memory: That of all calls of the server.
    package init(maxWireBytes: Int, maxMemoryBytes: Int, memory: MemoryBudget) {
        self.maxWireBytes = maxWireBytes
        self.maxMemoryBytes = maxMemoryBytes
        self.memory = memory
    }

    deinit { end() }

    /// Counts a part of the answer.
    ///
    /// - Throws: `REPLY_TOO_LARGE` when the answer can't be sent; `OVERLOADED` when the answers of
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
                "It takes \(total) bytes of memory or more; the answer to one call may take "
                    + "\(maxMemoryBytes)."
            )
        }
        let missing = total - Self.freeByteCount - reserved.load(ordering: .relaxed)
        guard missing > 0 else { return }
        let piece = max(missing, Self.pieceByteCount)
        guard memory.reserve(piece) else {
            throw .noMemoryForAnswer(piece, limit: memory.limit)
        }
        reserved.add(piece, ordering: .relaxed)
    }

    /// Looks whether a part of the answer could be counted, as far as this answer alone says, before it
    /// is made.
    ///
    /// - Throws: `REPLY_TOO_LARGE` when the answer could not be sent with it.
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
                "It would take \(total) bytes of memory or more; the answer to one call may take "
                    + "\(maxMemoryBytes)."
            )
        }
    }

    /// Gives the memory back to the server's budget: the answer is encoded.
    package func end() {
        memory.release(reserved.exchange(0, ordering: .relaxed))
    }
}

extension CallContext {
    /// Counts a part of the answer, where answers are bounded: see `AnswerBudget.charge`.
    package func charge(wire: Int, memory: Int) throws(LodestoneError) {
        try answer?.charge(wire: wire, memory: memory)
    }

    /// Looks whether a part of the answer could be counted: see `AnswerBudget.checkRoom`.
    package func checkRoom(wire: Int, memory: Int) throws(LodestoneError) {
        try answer?.checkRoom(wire: wire, memory: memory)
    }
}

extension LodestoneError {
    /// A reply that does not fit into a frame, or takes too much memory before it does.
    package static func replyTooLarge(_ detail: String) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: "REPLY_TOO_LARGE",
            "The reply is too large. \(detail)",
            recovery: "Ask for fewer documents or hits in one call, or leave vectors or edges out: "
                + "list_edges answers the edges of a document in pages."
        )
    }

    fileprivate static func noMemoryForAnswer(_ byteCount: Int, limit: Int) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: "OVERLOADED",
            "The answer needs \(byteCount) more bytes of memory; the answers under way may take "
                + "\(limit) together.",
            recovery: "Try again when others are done, or ask for less in one call.",
            retryAfter: .milliseconds(50)
        )
    }
}
