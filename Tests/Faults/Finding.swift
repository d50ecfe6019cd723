// SPDX-License-Identifier: Apache-2.0
import LodestoneClient

/// Something that must not happen, and did.
struct Finding: Error, CustomStringConvertible {
    enum Kind: String {
        /// An acknowledged batch, or part of it, is not there.
        case lost = "LOST"
        /// A batch without an acknowledgement is there in part.
        case partial = "PARTIAL"
        /// An answer is wrong, and nothing says so.
        case wrong = "WRONG"
        /// The parts of a document disagree: found by one way, not by another.
        case disagreement = "DISAGREEMENT"
        /// What the server said of a batch is not what became of it.
        case lie = "LIE"
        /// The store can't be opened.
        case didNotOpen = "DID NOT OPEN"
        /// The server ended unasked.
        case crash = "CRASH"
        /// Somebody touched what is not theirs.
        case trespass = "TRESPASS"
        /// The store called itself damaged or wrong, though nobody has damaged it.
        case broken = "BROKEN"
        /// A call failed that had no reason to.
        case refusal = "REFUSAL"
    }

    var kind: Kind
    var text: String

    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    /// A call that failed without a reason.
    init(_ error: LodestoneError, of what: String) {
        let kind: Kind =
            switch error.code {
            // Something that was acknowledged is not there.
            case .notFound: .lost
            case .dataLoss, .internal: .broken
            // A file that somebody else has taken away.
            default: error.reason == "IO_ERROR" ? .broken : .refusal
            }
        self.init(kind, "\(what): \(error)")
    }

    var description: String { "\(kind.rawValue): \(text)" }
}
