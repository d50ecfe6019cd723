// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Foundation
import LodestoneCore
import Logging

/// A part of the server that reads its files again while the server runs.
struct ReloadAction: Sendable {
    /// The name of the part, for the log.
    let name: String
    /// The files whose changes begin the action.
    let files: [String]
    /// Reads the files, and uses them as a whole or not at all.
    let run: @Sendable () throws(LodestoneError) -> Void
}

/// Runs reload actions: each when one of its files has changed, and all on demand.
///
/// An action that fails is logged, and its part keeps what it has. It runs again with the next
/// change.
///
/// Threading: any thread; the files are read on a queue of their own.
final class Reloads: @unchecked Sendable {
    // Unchecked: `states` is touched on the queue only.

    /// The properties by which a file differs from the one before it.
    private struct FileState: Equatable {
        var modified = timespec()
        var size: Int64 = -1
        var inode: UInt64 = 0

        /// The state of the file at a path; of a link, that of its target.
        init(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return }
            #if canImport(Darwin)
            modified = status.st_mtimespec
            #else
            modified = status.st_mtim
            #endif
            size = Int64(status.st_size)
            inode = UInt64(status.st_ino)
        }

        static func == (one: FileState, other: FileState) -> Bool {
            one.modified.tv_sec == other.modified.tv_sec
                && one.modified.tv_nsec == other.modified.tv_nsec
                && one.size == other.size && one.inode == other.inode
        }
    }

    private static let interval = DispatchTimeInterval.seconds(1)

    private let actions: [ReloadAction]
    private let logger: Logger
    private let queue = DispatchQueue(label: "lodestone.reloads")
    private let timer: any DispatchSourceTimer
    /// The states of each action's files when it ran last.
    private var states: [[FileState]]

    /// Begins to watch the files of `actions`, which have just read them.
    init(_ actions: [ReloadAction], logger: Logger) {
        self.actions = actions
        self.logger = logger
        states = actions.map { $0.files.map(FileState.init) }
        timer = DispatchSource.makeTimerSource(queue: queue)
        timer.setEventHandler { [weak self] in self?.runChanged() }
        if !actions.isEmpty {
            timer.schedule(deadline: .now() + Self.interval, repeating: Self.interval)
        }
        timer.activate()
    }

    /// Watches no more.
    func end() { timer.cancel() }

    /// Runs all actions, soon.
    func runAll() {
        queue.async { [self] in
            for index in actions.indices { run(index, actions[index].files.map(FileState.init)) }
        }
    }

    private func runChanged() {
        for index in actions.indices {
            let now = actions[index].files.map(FileState.init)
            if now != states[index] { run(index, now) }
        }
    }

    private func run(_ index: Int, _ now: [FileState]) {
        // A change while the action reads is a difference to these states, so it runs once more.
        states[index] = now
        do throws(LodestoneError) {
            try actions[index].run()
        } catch {
            logger.error(
                "not reloaded; the server keeps what it has",
                metadata: [
                    "part": "\(actions[index].name)", "problem": "\(error.message)",
                    "recovery": "\(error.recovery)",
                ]
            )
        }
    }
}
