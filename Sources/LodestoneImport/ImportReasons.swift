// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Reasons of errors in a file to read or write.
extension LodestoneError.Reason {
    /// The file can't be opened, read or written.
    package static let file = Self(rawValue: "FILE")
    /// The file does not have its format.
    package static let badFile = Self(rawValue: "BAD_FILE")
    /// A line of the file can't be imported.
    package static let badLine = Self(rawValue: "BAD_LINE")
    /// A hit can't be written into a run.
    package static let runFile = Self(rawValue: "RUN_FILE")
}
