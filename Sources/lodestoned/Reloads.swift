// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneCore
import LodestoneSystem
import Logging
import Synchronization

/// A part of the configuration that a running server reads again: on SIGHUP, and when one of its
/// files changes.
struct ReloadAction: Sendable {
    /// The part, for the log.
    let name: String
    /// The files that are watched.
    let files: [String]
    /// Reads the part again; the server keeps the earlier state when this throws.
    let run: @Sendable () throws(LodestoneError) -> Void
}

/// Runs reload actions, off the event loops and off the cooperative pool.
///
/// It looks at the files once per second. A watch of the system's would miss changes behind links
/// and on some network file systems.
///
/// Threading: any thread.
final class Reloads: Sendable {
    private let actions: [ReloadAction]
    private let logger: Logger
    private let queue = DispatchQueue(label: "lodestone.reload", qos: .utility)
    private let signatures: Mutex<[[FileSignature?]]>
    private let isStopped = Atomic<Bool>(false)

    /// Creates the reloads of actions.
    ///
    /// - Parameters:
    ///   - actions: The actions.
    ///   - signatures: The state of the files before the server read them, from `signatures(of:)`.
    ///   - logger: The log of changes and refusals.
    init(_ actions: [ReloadAction], since signatures: [String: FileSignature], logger: Logger) {
        self.actions = actions
        self.logger = logger
        self.signatures = Mutex(actions.map { action in action.files.map { signatures[$0] } })
    }

    /// The state of files.
    static func signatures(of files: [String]) -> [String: FileSignature] {
        var signatures: [String: FileSignature] = [:]
        for file in files { signatures[file] = FileSignature(file) }
        return signatures
    }

    /// Begins to watch the files.
    func start() { schedule() }

    /// Ends the watch.
    func end() { isStopped.store(true, ordering: .relaxed) }

    /// Runs every action.
    func runAll() {
        queue.async { self.reload { _, _ in true } }
    }

    private func schedule() {
        queue.asyncAfter(deadline: .now() + .seconds(1)) { [weak self] in
            guard let self, !self.isStopped.load(ordering: .relaxed) else { return }
            self.reload { $0 != $1 }
            self.schedule()
        }
    }

    /// Runs the actions for whose files `isDue` is true; on the queue.
    private func reload(_ isDue: ([FileSignature?], [FileSignature?]) -> Bool) {
        for (index, action) in actions.enumerated() {
            // The files are looked at before they are read: a later change is seen the next time.
            let now = action.files.map { FileSignature($0) }
            let mustRun = signatures.withLock { signatures in
                let mustRun = isDue(signatures[index], now)
                signatures[index] = now
                return mustRun
            }
            guard mustRun else { continue }
            do throws(LodestoneError) {
                try action.run()
                logger.notice("reloaded", metadata: ["part": "\(action.name)"])
            } catch {
                logger.error(
                    "not reloaded; the server keeps what it has",
                    metadata: [
                        "part": "\(action.name)", "problem": "\(error.message)",
                        "recovery": "\(error.recovery)",
                    ]
                )
                // The reason may pass without a change of the file, and a revocation must not be
                // lost by it.
                signatures.withLock { $0[index] = now.map { _ in nil } }
            }
        }
    }
}

/// The state of a file, by which a change of its contents or rights shows.
struct FileSignature: Sendable, Equatable {
    private let device: UInt64
    private let inode: UInt64
    private let byteCount: Int64
    private let modified: Int64
    private let changed: Int64

    /// The state of the file at `path`; `nil` when there is none.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(status.st_ino)
        byteCount = Int64(status.st_size)
        #if canImport(Darwin)
        modified = Self.nanoseconds(status.st_mtimespec)
        changed = Self.nanoseconds(status.st_ctimespec)
        #else
        modified = Self.nanoseconds(status.st_mtim)
        changed = Self.nanoseconds(status.st_ctim)
        #endif
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
