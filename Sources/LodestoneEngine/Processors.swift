// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem

/// The processors that this process may use.
package enum Processors {
    /// How many there are when the process starts.
    ///
    /// Foundation counts those of the machine: under `taskset`, systemd's `CPUAffinity` or a
    /// container's limit that is many times what the process gets.
    package static let count = Int(lode_processor_count())
}
