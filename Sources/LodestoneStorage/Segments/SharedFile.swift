// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles
import LodestoneSystem

/// A file that the processes of a store share, for a lock or for a mapping.
enum SharedFile {
    /// Opens the file, and creates it if it is missing.
    ///
    /// - Returns: A descriptor that `exec` closes.
    static func open(_ path: String) throws(LodestoneError) -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT)
        guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
        return descriptor
    }

    /// Opens the file read-only; `nil` when it is missing.
    static func openIfThere(_ path: String) throws(LodestoneError) -> Int32? {
        let descriptor = open(path, O_RDONLY)
        if descriptor >= 0 { return descriptor }
        guard errno == ENOENT else { throw FileSystem.failure("open", path) }
        return nil
    }

    private static func open(_ path: String, _ flags: Int32) -> Int32 {
        LodestoneSystem.open(path, flags | O_CLOEXEC, 0o600)
    }

    static func close(_ descriptor: Int32) {
        LodestoneSystem.close(descriptor)
    }
}
