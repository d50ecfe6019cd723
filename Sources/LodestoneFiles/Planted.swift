// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The bugs that the fault harness plants in this module; empty in a release build.
enum Planted {
    /// M3: the names in a directory are not made durable.
    @inline(__always) static var skipsDirectorySync: Bool { Mutation.noDirectoryFsync.isPlanted }
}
