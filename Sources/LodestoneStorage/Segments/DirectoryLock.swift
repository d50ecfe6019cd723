// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Keeps a second process out of a store's directory.
///
/// The kernel drops the lock with its process, however that ends.
///
/// Threading: the descriptor is behind a mutex.
final class DirectoryLock: Sendable {
    private let held: Mutex<Int32?>

    /// - Throws: `.failedPrecondition` when another process holds the directory.
    init(directory: String) throws(LodestoneError) {
        let path = directory + "/lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let isHeld = errno == EWOULDBLOCK
            close(descriptor)
            guard isHeld else { throw FileSystem.failure("flock", path) }
            throw LodestoneError(
                .failedPrecondition,
                reason: "STORE_IN_USE",
                "Another process has the store in \(directory) open.",
                recovery: "Connect to that server, stop it first, or choose another directory.",
                object: directory
            )
        }
        held = Mutex(descriptor)
    }

    deinit {
        release()
    }

    /// Lets others in.
    func release() {
        held.withLock { descriptor in
            if let open = descriptor { close(open) }
            descriptor = nil
        }
    }
}
