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
        #if canImport(Glibc)
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        #else
        let descriptor = Darwin.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        #endif
        guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
        return descriptor
    }

    static func close(_ descriptor: Int32) {
        #if canImport(Glibc)
        Glibc.close(descriptor)
        #else
        Darwin.close(descriptor)
        #endif
    }
}
