// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The length of tests that draw random cases: few cases in `make test`, all in `make test-long`.
///
/// A debug build needs minutes for all cases, and `make test` has half an hour for everything.
package enum TestLength {
    /// `LODESTONE_TEST_LONG=1` runs all cases.
    package static let isLong = ProcessInfo.processInfo.environment["LODESTONE_TEST_LONG"] == "1"

    /// The number of cases to run.
    package static func cases(_ few: Int, long all: Int) -> Int { isLong ? all : few }
}
