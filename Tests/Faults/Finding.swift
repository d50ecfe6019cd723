// SPDX-License-Identifier: Apache-2.0

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
        /// A call failed that had no reason to.
        case refusal = "REFUSAL"
    }

    var kind: Kind
    var text: String

    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    var description: String { "\(kind.rawValue): \(text)" }
}
