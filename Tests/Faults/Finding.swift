// SPDX-License-Identifier: Apache-2.0
import LodestoneClient

/// A fault of the server that a run has found.
struct Finding: Error, CustomStringConvertible {
    enum Kind: String {
        /// An acknowledged batch, or part of it, is not there.
        case lost = "LOST"
        /// A batch without an acknowledgment is there in part.
        case partial = "PARTIAL"
        /// A result is wrong, without an error.
        case wrong = "WRONG"
        /// The parts of a document disagree: one way finds it, another doesn't.
        case disagreement = "DISAGREEMENT"
        /// The server reported another outcome of a batch than the true one.
        case lie = "LIE"
        /// The store can't be opened.
        case didNotOpen = "DID NOT OPEN"
        /// The server ended by itself.
        case crash = "CRASH"
        /// A process opened files that belong to SQLite alone.
        case trespass = "TRESPASS"
        /// The store reported damage, though nothing was damaged.
        case broken = "BROKEN"
        /// A call failed without a reason.
        case refusal = "REFUSAL"
    }

    var kind: Kind
    var text: String

    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    /// The finding for a call that failed without a reason.
    init(_ error: LodestoneError, of what: String) {
        let kind: Kind =
            switch error.code {
            // Acknowledged data are missing.
            case .notFound: .lost
            case .dataLoss, .internal: .broken
            // IO_ERROR means that another process has taken a file away.
            default: error.reason == .ioError ? .broken : .refusal
            }
        self.init(kind, "\(what): \(error)")
    }

    var description: String { "\(kind.rawValue): \(text)" }
}
