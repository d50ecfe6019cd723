// SPDX-License-Identifier: Apache-2.0
package import LodestoneSystem

/// A file that a person named in the settings, open for reading.
///
/// Opening and checking block while the disk is read.
package struct CheckedFile: ~Copyable {
    /// The reason why a file can't be used.
    package struct Problem: Error {
        /// The problem, as the end of a sentence about the file.
        package let problem: String
        /// The step that solves it.
        package let recovery: String

        /// Creates a problem.
        package init(problem: String, recovery: String) {
            self.problem = problem
            self.recovery = recovery
        }
    }

    package let descriptor: Int32
    private let path: String

    /// Opens the file at `path`.
    ///
    /// - Throws: When it can't be opened.
    package init(_ path: String) throws(Problem) {
        // Without O_NONBLOCK, opening a pipe would wait for its writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw Problem(
                problem: "it can't be opened: \(String(cString: strerror(errno)))",
                recovery: "Check the path and its permissions."
            )
        }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Checks the kind, the rights and the size of the file.
    ///
    /// - Parameters:
    ///   - isSecret: Whether a file that everyone may read is refused.
    ///   - maxByteCount: The most bytes that it may have.
    ///   - contents: What it has, as in `Give a file \(contents).`
    /// - Returns: The state of the file.
    /// - Throws: When the file fails a check.
    package func check(isSecret: Bool, maxByteCount: Int, contents: String) throws(Problem)
        -> stat
    {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Problem(problem: "it is not a file", recovery: "Give the path of a file.")
        }
        guard !isSecret || status.st_mode & 0o007 == 0 else {
            throw Problem(
                problem: "everyone on this machine may read or change it",
                recovery: "Take the right away: chmod 600 \(path)"
            )
        }
        guard status.st_size <= maxByteCount else {
            throw Problem(
                problem: "it has \(status.st_size) bytes; the limit is \(maxByteCount)",
                recovery: "Give a file \(contents)."
            )
        }
        return status
    }
}
