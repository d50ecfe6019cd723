// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The memory of all HNSW graphs in this process.
///
/// A graph has the codes and links of every vector in memory while it is built, and while rows are
/// linked into it. Up to a limit this is the process's own memory. Beyond the limit it is a mapped
/// file. So a graph that is larger than the memory of its control group makes the build slower and
/// does not end the process.
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

    /// Limits the process's own memory that graphs take from now on.
    ///
    /// The limit is one for the process, as memory is: the last call counts.
    ///
    /// - Parameters:
    ///   - limit: Bytes of the process's own memory.
    ///   - mapsFile: Maps a file for the bytes beyond the limit.
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

    /// A mapped file in place of the process's own memory; `nil` where the graph is to use own
    /// memory.
    ///
    /// The caller gives the file back with `release`.
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
