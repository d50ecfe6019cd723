// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What all processes of a store hold together as long as they have it open: changing how words are
/// made of texts needs it alone.
///
/// Threading: of the thread that opens the store, and of the one that closes it.
// Unchecked for the descriptor, which changes only when the store is closed.
final class AnalysisLock: @unchecked Sendable {
    private let path: String
    private var descriptor: Int32?

    /// - Parameters:
    ///   - path: The file.
    ///   - isReadOnly: Whether nothing may be written. No process holds a file then that isn't there.
    /// - Throws: When the file can't be opened.
    init(_ path: String, isReadOnly: Bool = false) throws(LodestoneError) {
        self.path = path
        descriptor = isReadOnly ? try SharedFile.openIfThere(path) : try SharedFile.open(path)
    }

    deinit {
        close()
    }

    /// Holds it together with others.
    ///
    /// Inside of the lock for commits nobody is alone with it.
    ///
    /// - Throws: When a process is alone with it.
    func share() throws(LodestoneError) {
        guard let descriptor, flock(descriptor, LOCK_SH | LOCK_NB) != 0 else { return }
        guard errno == EWOULDBLOCK else { throw FileSystem.failure("flock", path) }
        throw LodestoneError(
            .unavailable,
            reason: "UPGRADING",
            "Another process is bringing the store up to date: it holds \(path) alone.",
            recovery: "Open the store again once that is done.",
            retryAfter: .seconds(1),
            object: path
        )
    }

    /// Holds it alone, unless others have it.
    ///
    /// - Returns: Whether nobody else has it.
    func takeAlone() -> Bool {
        guard let descriptor else { return false }
        return flock(descriptor, LOCK_EX | LOCK_NB) == 0
    }

    func close() {
        if let descriptor { SharedFile.close(descriptor) }
        descriptor = nil
    }
}
