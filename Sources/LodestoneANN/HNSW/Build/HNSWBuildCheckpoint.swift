// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import Synchronization

/// A cancelled build, which the next build of the same rows continues.
///
/// Threading: any thread.
final class HNSWBuildCheckpoint: Sendable {
    struct Build: Sendable {
        let builder: HNSWBuilder
        let order: HNSWInsertionOrder
        let rows: [RowID]
    }

    private let build = Mutex<Build?>(nil)

    func save(_ build: Build) {
        self.build.withLock { $0 = build }
    }

    /// Removes and returns the build of these rows and options; discards any other build.
    func take(_ rows: [RowID], _ options: HNSWOptions) -> Build? {
        build.withLock { build in
            defer { build = nil }
            return build?.rows == rows && build?.builder.graph.options == options ? build : nil
        }
    }
}
