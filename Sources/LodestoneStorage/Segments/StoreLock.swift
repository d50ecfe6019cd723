// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A lock on a file of the store's directory: one holder among all processes, and one thread of it.
///
/// Commits and checkpoints take the same one: the SQLite of Debian 12 may corrupt a store when two
/// connections write or checkpoint at the same instant. The kernel drops it with its process,
/// however that ends.
///
/// Threading: the descriptor is behind a mutex, which is held while the lock is.
final class StoreLock: Sendable {
    /// A holder that was stopped is not waited for longer.
    private static let patience = Duration.seconds(30)
    private static let longestPause: useconds_t = 1_000

    private let path: String
    private let held: Mutex<Int32?>

    init(_ path: String) throws(LodestoneError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
        self.path = path
        held = Mutex(descriptor)
    }

    deinit {
        close()
    }

    /// Runs `body` while nobody else holds the lock.
    ///
    /// - Throws: `.unavailable` when another process keeps it for half a minute.
    func exclusively<T>(_ body: () throws(LodestoneError) -> T) throws(LodestoneError) -> T {
        try held.withLock { (descriptor) throws(LodestoneError) in
            guard let descriptor else { throw closed() }
            try wait(for: descriptor)
            defer { flock(descriptor, LOCK_UN) }
            return try body()
        }
    }

    /// Runs `body` unless somebody else holds the lock; `nil` then.
    func ifFree<T>(_ body: () throws(LodestoneError) -> T) throws(LodestoneError) -> T? {
        var result: Result<T, LodestoneError>?
        _ = held.withLockIfAvailable { descriptor in
            guard let descriptor else {
                // Who waits for it must not wait for ever.
                result = .failure(closed())
                return
            }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return }
            defer { flock(descriptor, LOCK_UN) }
            result = Result { () throws(LodestoneError) in try body() }
        }
        return try result?.get()
    }

    func close() {
        held.withLock { descriptor in
            #if canImport(Glibc)
            if let open = descriptor { Glibc.close(open) }
            #else
            if let open = descriptor { Darwin.close(open) }
            #endif
            descriptor = nil
        }
    }

    // Without LOCK_NB the kernel would queue us, but there is no way to give up.
    private func wait(for descriptor: Int32) throws(LodestoneError) {
        var pause: useconds_t = 20
        let end = ContinuousClock.now.advanced(by: Self.patience)
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw FileSystem.failure("flock", path)
            }
            guard ContinuousClock.now < end else {
                throw LodestoneError(
                    .unavailable,
                    reason: "STORE_BUSY",
                    "Another process has held \(path) for \(Self.patience).",
                    recovery: "Look for a stopped process on this store; send the call again.",
                    retryAfter: .seconds(1),
                    object: path
                )
            }
            usleep(pause)
            pause = min(pause * 2, Self.longestPause)
        }
    }

    private func closed() -> LodestoneError {
        LodestoneError(
            .unavailable,
            reason: "CLOSED",
            "The store is closed.",
            recovery: "Open it again.",
            object: path
        )
    }
}
