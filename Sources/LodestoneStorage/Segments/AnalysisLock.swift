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

    init(_ path: String) throws(LodestoneError) {
        self.path = path
        descriptor = try SharedFile.open(path)
    }

    deinit {
        close()
    }

    /// Holds it together with others.
    ///
    /// Inside of the lock for commits, so nobody is alone with it now.
    func share() throws(LodestoneError) {
        guard let descriptor, flock(descriptor, LOCK_SH | LOCK_NB) == 0 else {
            throw FileSystem.failure("flock", path)
        }
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
