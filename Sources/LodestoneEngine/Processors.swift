// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem

/// The processors that this process may use.
package enum Processors {
    /// The number of processors when the process starts.
    ///
    /// Foundation counts the machine's processors: many more than the process may use under
    /// `taskset`, systemd's `CPUAffinity` or a container's limit.
    package static let count = Int(lode_processor_count())
}
