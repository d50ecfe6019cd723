// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

extension Failpoint {
    /// The environment of a program that ends here, the `turn`-th time that it comes here.
    package func environment(turn: Int = 1) -> [String: String] {
        ["LODESTONE_FAULT": "\(name):\(turn)"]
    }
}
