// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The memory of all graphs in this process: codes and links of every vector while a graph is made,
/// and of one that rows are linked into.
///
/// Up to a limit it is the process's own. Beyond it there is a file, so that a graph which is larger
/// than the memory of its control group makes the build slower and does not end the process.
///
/// Threading: every function may be called from any thread.
package enum GraphMemory {
    /// Maps zeroed bytes of a file; `nil` where there is no room.
    package typealias FileMapping = @Sendable (Int) -> UnsafeMutableRawPointer?

    private struct State {
        var limit = Int.max
        var mapsFile: FileMapping?
        var own = 0
        var inFiles = 0
    }

    /// The upper links and numbers of small graphs are not worth a file.
    private static let leastInFile = 1 << 20

    private static let state = Mutex(State())

    /// Keeps what graphs take from now on to a limit.
    ///
    /// It is the process's, as memory is: the last call counts.
    ///
    /// - Parameters:
    ///   - limit: Bytes of the process's own memory.
    ///   - mapsFile: What to take beyond them.
    package static func limit(to limit: Int, beyond mapsFile: @escaping FileMapping) {
        state.withLock {
            $0.limit = limit
            $0.mapsFile = mapsFile
        }
    }

    /// Bytes of the process's own memory, and of files, that graphs take now.
    package static var byteCounts: (own: Int, inFiles: Int) {
        state.withLock { ($0.own, $0.inFiles) }
    }

    /// A mapping in place of the process's own memory, if that should not be taken; to be given back with
    /// `release`.
    static func mapFile(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        let mapsFile = state.withLock { state -> FileMapping? in
            if byteCount < leastInFile || state.own + byteCount <= state.limit { return nil }
            return state.mapsFile
        }
        guard let address = mapsFile?(byteCount) else { return nil }
        state.withLock { $0.inFiles += byteCount }
        return address
    }

    /// Counts memory of the process's own.
    static func take(_ byteCount: Int) {
        state.withLock { $0.own += byteCount }
    }

    static func release(_ byteCount: Int, isFile: Bool) {
        state.withLock {
            if isFile { $0.inFiles -= byteCount } else { $0.own -= byteCount }
        }
    }
}
