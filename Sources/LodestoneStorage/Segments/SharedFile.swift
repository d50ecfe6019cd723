// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A file that the processes of a store share, for a lock on it or for what is mapped of it.
enum SharedFile {
    /// Opens the file, which is made if there is none.
    ///
    /// - Returns: A descriptor, which programs that this process starts don't get.
    static func open(_ path: String) throws(LodestoneError) -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT)
        guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
        return descriptor
    }

    /// Opens the file for reading alone; `nil` when there is none.
    static func openIfThere(_ path: String) throws(LodestoneError) -> Int32? {
        let descriptor = open(path, O_RDONLY)
        if descriptor >= 0 { return descriptor }
        guard errno == ENOENT else { throw FileSystem.failure("open", path) }
        return nil
    }

    private static func open(_ path: String, _ flags: Int32) -> Int32 {
        #if canImport(Glibc)
        Glibc.open(path, flags | O_CLOEXEC, 0o600)
        #else
        Darwin.open(path, flags | O_CLOEXEC, 0o600)
        #endif
    }

    static func close(_ descriptor: Int32) {
        #if canImport(Glibc)
        Glibc.close(descriptor)
        #else
        Darwin.close(descriptor)
        #endif
    }
}
