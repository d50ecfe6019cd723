// SPDX-License-Identifier: Apache-2.0
import LodestoneSystem

/// Memory that is mapped to a file without a name.
///
/// When memory is short, the system writes these pages to the file. Anonymous memory could only be
/// swapped, and swap may be off.
package enum ScratchFile {
    /// Maps zeroed bytes of a new file, and reserves their space on the disk; `munmap` frees both.
    ///
    /// - Returns: `nil` when the disk is full, or the directory can't be written to.
    package static func map(_ byteCount: Int, in directory: String) -> UnsafeMutableRawPointer? {
        // The suffix lets the store remove the file if the process ends before `unlink`.
        let suffix = ".base.tmp"
        var name = Array((directory + "/base-scratch-XXXXXX" + suffix).utf8CString)
        let descriptor = mkstemps(&name, Int32(suffix.utf8.count))
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        unlink(name)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        // A write to a page without space on the disk would end the process (SIGBUS).
        guard reserve(byteCount, descriptor) else { return nil }
        let protection = PROT_READ | PROT_WRITE
        let address = mmap(nil, byteCount, protection, MAP_SHARED, descriptor, 0)
        return address == MAP_FAILED ? nil : address
    }

    private static func reserve(_ byteCount: Int, _ descriptor: Int32) -> Bool {
        #if canImport(Glibc)
        return posix_fallocate(descriptor, 0, off_t(byteCount)) == 0
        #else
        var wanted = fstore_t(
            fst_flags: UInt32(F_ALLOCATEALL),
            fst_posmode: F_PEOFPOSMODE,
            fst_offset: 0,
            fst_length: off_t(byteCount),
            fst_bytesalloc: 0
        )
        return fcntl(descriptor, F_PREALLOCATE, &wanted) == 0
            && ftruncate(descriptor, off_t(byteCount)) == 0
        #endif
    }
}
