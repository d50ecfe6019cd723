// SPDX-License-Identifier: Apache-2.0

/// An error: the failure, whether anything was written, and the next step.
///
/// Decide by `outcome` first. After `.notApplied` a call may be repeated if the code permits it;
/// after `.unknown` only with the same request id, or after a read.
public struct LodestoneError: Error, Sendable, Equatable {
    /// The kind of failure.
    ///
    /// The numbers are gRPC's; `reason` has the details.
    public enum Code: Int32, Sendable, CaseIterable {
        /// The caller cancelled the call.
        case cancelled = 1
        /// The outcome of a commit is unknown.
        case unknown = 2
        /// The request is malformed or over a limit; it never succeeds unchanged.
        case invalidArgument = 3
        /// The deadline passed first.
        case deadlineExceeded = 4
        /// No such collection or document.
        case notFound = 5
        /// A collection of that name exists.
        case alreadyExists = 6
        /// The credential does not allow this call.
        case permissionDenied = 7
        /// A limit of the server was reached: load, memory, disk, frame size.
        case resourceExhausted = 8
        /// The store is not in a state for this call.
        case failedPrecondition = 9
        /// A conflict with another writer.
        case aborted = 10
        /// A cursor whose position is no longer known.
        case outOfRange = 11
        /// This server does not offer the call.
        case unimplemented = 12
        /// A broken invariant of Lodestone.
        case `internal` = 13
        /// The server can't be reached or is shutting down.
        case unavailable = 14
        /// Stored data is damaged.
        case dataLoss = 15
        /// The credential is missing or wrong.
        case unauthenticated = 16
    }

    /// The effect of the failed call on the store.
    public enum Outcome: Int32, Sendable {
        /// Nothing was written.
        case notApplied = 0
        /// Everything was written.
        case applied = 1
        /// The effect is unknown; repeat the call with the same request id.
        case unknown = 2
    }

    /// The kind of failure.
    public var code: Code
    /// A stable word for programs, upper case: `FRAME_TOO_LARGE`.
    public var reason: Reason
    /// The failure, with the relevant values.
    public var message: String
    /// The next step.
    public var recovery: String
    /// The effect of the call on the store.
    public var outcome: Outcome
    /// The time after which the client may repeat the call by itself; `nil`: the server names no
    /// time.
    ///
    /// Without it, a client repeats calls by itself after `.unavailable` and `.aborted` only.
    public var retryAfter: Duration?
    /// The field of the request that is at fault, as a path: `queries[2].limit`.
    public var field: String?
    /// The collection, document or file that the error concerns.
    public var object: String?
    /// The sequence number of the outcome, if it is known.
    public var sequenceNumber: UInt64?

    /// Creates an error; optional parts are absent by default.
    public init(
        _ code: Code,
        reason: Reason,
        _ message: String,
        recovery: String,
        outcome: Outcome = .notApplied,
        retryAfter: Duration? = nil,
        field: String? = nil,
        object: String? = nil,
        sequenceNumber: UInt64? = nil
    ) {
        self.code = code
        self.reason = reason
        self.message = message
        self.recovery = recovery
        self.outcome = outcome
        self.retryAfter = retryAfter
        self.field = field
        self.object = object
        self.sequenceNumber = sequenceNumber
    }
}

extension LodestoneError: CustomStringConvertible {
    /// The message, the recovery and the code, for a person.
    public var description: String { "\(message) \(recovery) [\(code.name) \(reason)]" }
}

extension LodestoneError.Code {
    /// The name on the wire: `INVALID_ARGUMENT`.
    public var name: String {
        switch self {
        case .cancelled: "CANCELLED"
        case .unknown: "UNKNOWN"
        case .invalidArgument: "INVALID_ARGUMENT"
        case .deadlineExceeded: "DEADLINE_EXCEEDED"
        case .notFound: "NOT_FOUND"
        case .alreadyExists: "ALREADY_EXISTS"
        case .permissionDenied: "PERMISSION_DENIED"
        case .resourceExhausted: "RESOURCE_EXHAUSTED"
        case .failedPrecondition: "FAILED_PRECONDITION"
        case .aborted: "ABORTED"
        case .outOfRange: "OUT_OF_RANGE"
        case .unimplemented: "UNIMPLEMENTED"
        case .internal: "INTERNAL"
        case .unavailable: "UNAVAILABLE"
        case .dataLoss: "DATA_LOSS"
        case .unauthenticated: "UNAUTHENTICATED"
        }
    }
}

extension LodestoneError {
    /// The error for an invalid argument.
    package static func invalid(
        _ reason: Reason,
        _ message: String,
        recovery: String,
        field: String? = nil,
        object: String? = nil
    ) -> LodestoneError {
        LodestoneError(
            .invalidArgument,
            reason: reason,
            message,
            recovery: recovery,
            field: field,
            object: object
        )
    }

    /// The error for a value over a limit.
    package static func limit(_ field: String, _ value: Int, _ limit: Int, unit: String = "")
        -> LodestoneError
    {
        let suffix = unit.isEmpty ? "" : " \(unit)"
        return .invalid(
            .limit,
            "\(field) is \(value)\(suffix); the limit is \(limit)\(suffix).",
            recovery: "Send at most \(limit)\(suffix).",
            field: field
        )
    }

    /// The error for a write to a store that was opened for reading only.
    package static func readOnly(_ directory: String) -> LodestoneError {
        LodestoneError(
            .failedPrecondition,
            reason: .readOnly,
            "The store in \(directory) was opened for reading only.",
            recovery: "Write through a process that has it open for writing.",
            object: directory
        )
    }

    /// The error for a collection that does not exist.
    package static func noCollection(_ name: String) -> LodestoneError {
        LodestoneError(
            .notFound,
            reason: .noCollection,
            "There is no collection '\(name)'.",
            recovery: "Create it first, or list the collections to check the name.",
            object: name
        )
    }

    /// The error for a broken invariant, which `what` names.
    package static func broken(_ what: String) -> LodestoneError {
        LodestoneError(
            .internal,
            reason: .invariant,
            what,
            recovery: "Report this with the server's log; the store itself is not affected."
        )
    }
}
