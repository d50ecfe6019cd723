// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles
import LodestoneSystem

/// The lock that every process shares while it has the store open.
///
/// A process that rebuilds the words by another analysis must hold the lock alone.
///
/// Threading: only the thread that opens the store and the thread that closes it.
// Unchecked because of the descriptor, which changes only when the store is closed.
final class AnalysisLock: @unchecked Sendable {
    private let path: String
    private var descriptor: Int32?

    /// - Parameters:
    ///   - path: The file.
    ///   - isReadOnly: Whether nothing may be written. A lock file that is missing is then not
    ///     created: no process holds it.
    /// - Throws: The error of the system when the file can't be opened.
    init(_ path: String, isReadOnly: Bool = false) throws(LodestoneError) {
        self.path = path
        descriptor = isReadOnly ? try SharedFile.openIfThere(path) : try SharedFile.open(path)
    }

    deinit {
        close()
    }

    /// Takes the lock, shared with other processes.
    ///
    /// Inside the lock for commits, no other process holds it alone.
    ///
    /// - Throws: `.unavailable` with `UPGRADING` when a process holds it alone.
    func share() throws(LodestoneError) {
        guard let descriptor, flock(descriptor, LOCK_SH | LOCK_NB) != 0 else { return }
        guard errno == EWOULDBLOCK else { throw FileSystem.failure("flock", path) }
        throw LodestoneError(
            .unavailable,
            reason: .upgrading,
            "Another process is bringing the store up to date: it holds \(path) alone.",
            recovery: "Open the store again once that is done.",
            retryAfter: .seconds(1),
            object: path
        )
    }

    /// Takes the lock alone, unless another process has it.
    ///
    /// - Returns: Whether this process holds it alone now.
    func takeAlone() -> Bool {
        guard let descriptor else { return false }
        return flock(descriptor, LOCK_EX | LOCK_NB) == 0
    }

    func close() {
        if let descriptor { SharedFile.close(descriptor) }
        descriptor = nil
    }
}
