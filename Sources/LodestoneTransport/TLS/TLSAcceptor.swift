// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// The context that a listener gives to the connections that it accepts from now on.
///
/// Threading: any thread.
package final class TLSAcceptor: Sendable {
    private let context: Mutex<TLSContext>
    private let cleartextReply: [UInt8]

    /// Creates an acceptor.
    ///
    /// - Parameters:
    ///   - context: The first context.
    ///   - cleartextReply: The bytes that a client gets, in clear text, when its first bytes are a
    ///     frame in clear text.
    package init(_ context: TLSContext, cleartextReply: [UInt8]) {
        self.context = Mutex(context)
        self.cleartextReply = cleartextReply
    }

    /// Gives later connections another context; earlier ones keep theirs.
    package func replace(_ next: TLSContext) {
        context.withLock { $0 = next }
    }

    /// A session for a connection that was accepted.
    func session() -> TLSSession {
        TLSSession(accepting: context.withLock { $0 }, cleartextReply: cleartextReply)
    }
}
