// SPDX-License-Identifier: Apache-2.0

/// The license is the first line of each source, or the second after the line of its interpreter.
struct HeaderRule {
    private static let license = "SPDX-License-Identifier: Apache-2.0"
    /// The files that begin otherwise, with the reason.
    private static let exceptions = [
        "Tests/Examples/Swift/main.swift": "equals the program in README.md"
    ]

    func findings(in tree: Tree) -> [Finding] {
        tree.files.filter { file in
            file.language != .markdown && file.language != .other && !file.isGenerated
                && Self.exceptions[file.path] == nil && !begins(file)
        }.map { Finding($0.path, 1, "header", "begin the file with \(Self.license)") }
    }

    private func begins(_ file: TreeFile) -> Bool {
        let isSecond = file.lines[0].hasPrefix("#!") || file.lines[0].hasPrefix("// swift-tools")
        let line = isSecond && file.lines.count > 1 ? file.lines[1] : file.lines[0]
        return line == "// " + Self.license || line == "# " + Self.license
            || line == "/* \(Self.license) */"
    }
}
