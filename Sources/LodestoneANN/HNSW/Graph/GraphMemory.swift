// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The memory of all HNSW graphs in this process.
///
/// A graph has all codes and links in memory while it is built, and while rows are linked into it.
/// Up to a limit this is anonymous memory, beyond it a mapped file. So a graph larger than the
/// memory of the control group slows the build down, and does not end the process.
///
/// Threading: every function may be called from any thread.
package enum GraphMemory {
    /// Maps zeroed bytes of a file; `nil` when the disk is full.
    package typealias FileMapping = @Sendable (Int) -> UnsafeMutableRawPointer?

    private struct State {
        var limit = Int.max
        var mapsFile: FileMapping?
        var own = 0
        var inFiles = 0
    }

    /// The least bytes that are worth a file.
    private static let leastInFile = 1 << 20

    private static let state = Mutex(State())

    /// Limits the anonymous memory that graphs take from now on.
    ///
    /// The limit applies to the whole process; the last call sets it.
    ///
    /// - Parameters:
    ///   - limit: The bytes of anonymous memory.
    ///   - mapsFile: Maps a file for the bytes beyond the limit.
    package static func limit(to limit: Int, beyond mapsFile: @escaping FileMapping) {
        state.withLock {
            $0.limit = limit
            $0.mapsFile = mapsFile
        }
    }

    /// The bytes of anonymous memory, and of files, that graphs take now.
    package static var byteCounts: (own: Int, inFiles: Int) {
        state.withLock { ($0.own, $0.inFiles) }
    }

    /// A mapped file instead of anonymous memory; `nil` when the graph is to use anonymous memory.
    ///
    /// The caller must free the file by `release`.
    static func mapFile(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        let mapsFile = state.withLock { state -> FileMapping? in
            if byteCount < leastInFile || state.own + byteCount <= state.limit { return nil }
            return state.mapsFile
        }
        guard let address = mapsFile?(byteCount) else { return nil }
        state.withLock { $0.inFiles += byteCount }
        return address
    }

    /// Counts anonymous memory.
    static func take(_ byteCount: Int) {
        state.withLock { $0.own += byteCount }
    }

    static func release(_ byteCount: Int, isFile: Bool) {
        state.withLock {
            if isFile { $0.inFiles -= byteCount } else { $0.own -= byteCount }
        }
    }
}
