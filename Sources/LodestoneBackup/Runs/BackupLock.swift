// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles
import LodestoneSystem

/// The lock that permits one backup of a store at a time; it ends with its process.
///
/// Threading: any thread; the descriptor is constant.
final class BackupLock: Sendable {
    private let descriptor: Int32

    init(_ directory: String) throws(LodestoneError) {
        let path = directory + "/backup.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw LodestoneError(
                .resourceExhausted,
                reason: .maintenanceRuns,
                "Another backup of \(directory) is running.",
                recovery: "Wait until it ends, or stop it.",
                object: directory
            )
        }
    }

    deinit { close(descriptor) }
}
