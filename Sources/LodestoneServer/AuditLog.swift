// SPDX-License-Identifier: Apache-2.0
import Foundation
package import LodestoneCore
import LodestoneJSON
import LodestoneSystem
package import Logging
import Synchronization

/// The calls that the audit log has.
package enum AuditedCalls: String, Sendable, CaseIterable {
    /// Refused credentials and calls.
    case denials
    /// Those, and the calls that need the role admin.
    case admin
    /// Those, and the calls that write documents and edges.
    case writes
    /// Every call.
    case all

    /// Whether a call that was not denied is in the log.
    func has(_ kind: CallKind) -> Bool {
        switch self {
        case .denials: false
        case .admin: kind.requiredRole == .admin
        case .writes: kind.requiredRole == .admin || kind.isWrite
        case .all: true
        }
    }
}

/// A log of calls with the names of their credentials, as JSON lines.
///
/// No call waits for the log: lines wait in a queue of bounded length, and a thread writes them. A
/// line that finds the queue full is dropped, and the log says how many were.
///
/// Threading: any thread.
package final class AuditLog: Sendable {
    /// One call.
    struct Entry {
        // Not the errors: they have names that a client chose, of any length.
        enum Outcome {
            case done
            case failed(LodestoneError.Code, LodestoneError.Reason)
            case denied(LodestoneError.Code, LodestoneError.Reason)
        }

        let credential: String
        let peer: String
        let client: String
        let call: CallKind
        let collection: String?
        let outcome: Outcome

        init(
            _ credential: String,
            _ connection: Connection,
            _ call: CallKind,
            collection: String?,
            _ outcome: Outcome
        ) {
            self.credential = credential
            peer = connection.stream.peer
            client = connection.clientName
            self.call = call
            self.collection = collection?.printable
            self.outcome = outcome
        }
    }

    private struct State {
        var waiting: [(time: Int64, entry: Entry)] = []
        var dropped = 0
        var isWriting = false
        var mustReopen = false
    }

    /// The most lines that wait.
    private static let maxWaiting = 8_192

    /// The calls that the log has.
    package let calls: AuditedCalls
    private let logger: Logger
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "lodestone.audit", qos: .utility)
    private let file: AuditFile

    /// Opens a log.
    ///
    /// - Parameters:
    ///   - path: The file, which is created with mode 600; `nil` for standard error.
    ///   - calls: The calls that the log has.
    ///   - logger: The logger of failed writes.
    /// - Throws: `AUDIT_LOG` when the file can't be opened.
    package init(path: String?, calls: AuditedCalls, logger: Logger) throws(LodestoneError) {
        self.calls = calls
        self.logger = logger
        file = try AuditFile(path)
    }

    /// Opens the file again before the next line, so that another program may rename it.
    package func reopen() {
        let mustStart = state.withLock { state in
            state.mustReopen = true
            return Self.begins(&state)
        }
        if mustStart { queue.async { self.write() } }
    }

    func note(_ entry: Entry) {
        let time = Int64(Date().timeIntervalSince1970 * 1_000_000)
        let mustStart = state.withLock { state in
            guard state.waiting.count < Self.maxWaiting else {
                state.dropped += 1
                return false
            }
            state.waiting.append((time, entry))
            return Self.begins(&state)
        }
        if mustStart { queue.async { self.write() } }
    }

    /// Waits until every line before it is written.
    ///
    /// It blocks.
    package func flush() { queue.sync {} }

    private static func begins(_ state: inout State) -> Bool {
        guard !state.isWriting else { return false }
        state.isWriting = true
        return true
    }

    /// Writes all that waits; on the queue.
    private func write() {
        while true {
            let (lines, dropped, mustReopen) = state.withLock { state in
                let part = (state.waiting, state.dropped, state.mustReopen)
                state.waiting = []
                state.dropped = 0
                state.mustReopen = false
                state.isWriting = !part.0.isEmpty || part.1 > 0 || part.2
                return part
            }
            guard !lines.isEmpty || dropped > 0 || mustReopen else { return }
            do throws(LodestoneError) {
                if mustReopen { try file.reopen() }
                var text = lines.map { $0.entry.line(at: $0.time) }.joined()
                if dropped > 0 { text += Self.line(dropped: dropped) }
                try file.append(text)
            } catch {
                logger.error("the audit log lost \(lines.count + dropped) lines: \(error)")
            }
        }
    }

    private static func line(dropped: Int) -> String {
        let time = TimestampText.format(
            microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)
        )
        return JSON.object([("time", .string(time)), ("droppedLines", .int(dropped))]).text + "\n"
    }
}

extension AuditLog.Entry {
    /// The entry as a line; the texts of clients have no breaks of lines (`String.printable`).
    fileprivate func line(at time: Int64) -> String {
        var members: [(String, JSON)] = [
            ("time", .string(TimestampText.format(microseconds: time))),
            ("credential", .string(credential)), ("peer", .string(peer)),
            ("client", .string(client)), ("call", .string(call.name)),
        ]
        if let collection { members.append(("collection", .string(collection))) }
        switch outcome {
        case .done: members.append(("outcome", .string("ok")))
        case .failed(let code, let reason): members += Self.members("error", code, reason)
        case .denied(let code, let reason): members += Self.members("denied", code, reason)
        }
        return JSON.object(members).text + "\n"
    }

    private static func members(
        _ outcome: String,
        _ code: LodestoneError.Code,
        _ reason: LodestoneError.Reason
    ) -> [(String, JSON)] {
        [
            ("outcome", .string(outcome)), ("code", .string(code.name)),
            ("reason", .string(reason.rawValue)),
        ]
    }
}

/// The file of an audit log, or standard error.
///
/// Threading: the queue of the log.
// Sendable is unchecked because the compiler can't see that the variable is used on one queue only.
private final class AuditFile: @unchecked Sendable {
    private let path: String?
    private var descriptor: Int32

    init(_ path: String?) throws(LodestoneError) {
        self.path = path
        descriptor = try path.map { path throws(LodestoneError) in try Self.open(path) } ?? 2
    }

    deinit { if path != nil { close(descriptor) } }

    func reopen() throws(LodestoneError) {
        guard let path else { return }
        let next = try Self.open(path)
        close(descriptor)
        descriptor = next
    }

    func append(_ text: String) throws(LodestoneError) {
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes {
                LodestoneSystem.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("write", path ?? "standard error") }
            written += count
        }
    }

    private static func open(_ path: String) throws(LodestoneError) -> Int32 {
        // The flag lets the open of a pipe without a reader fail.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
        let descriptor = LodestoneSystem.open(path, flags, 0o600)
        guard descriptor >= 0 else { throw failure("open", path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            errno = EINVAL
            throw failure("open", path)
        }
        return descriptor
    }

    private static func failure(_ call: String, _ path: String) -> LodestoneError {
        LodestoneError(
            .failedPrecondition,
            reason: .auditLog,
            "The audit log '\(path)' can't be used: \(call): \(String(cString: strerror(errno))).",
            recovery: "Give the path of a file that the server may write, or stderr, or none.",
            object: path
        )
    }
}
