// SPDX-License-Identifier: Apache-2.0

/// A file is read as a whole, and a line without scrolling.
struct LengthRule {
    static let maxLines = 500
    static let maxColumnsOfCode = 100
    static let maxColumnsOfDocuments = 120
    /// The files with more lines, with the reason.
    static let exceptions: [String: String] = [
        "Tests/LodestoneWireTests/GoldenValues.swift": "one table of values",
        "Tests/LodestoneEngineTests/VectorIndexTests.swift": "one fixture for every strategy",
        "clients/python/lodestone/_connection.py": "one machine of states",
        "clients/python/lodestone/types.py": "one table of values",
        "clients/python/tests/test_conformance.py": "one function per kind of call",
    ]

    func findings(in tree: Tree) -> [Finding] {
        tree.files.flatMap { file -> [Finding] in
            guard !file.isGenerated else { return [] }
            return lines(of: file) + columns(of: file)
        }
    }

    private func lines(of file: TreeFile) -> [Finding] {
        let count = file.lines.count - 1
        let isCode = [.swift, .c, .python].contains(file.language)
        guard isCode, count > Self.maxLines, Self.exceptions[file.path] == nil else { return [] }
        let advice = "split \(count) lines by idea into files of at most \(Self.maxLines)"
        return [Finding(file.path, count, "length", advice)]
    }

    private func columns(of file: TreeFile) -> [Finding] {
        let limit: Int
        switch file.language {
        case .swift, .c: limit = Self.maxColumnsOfCode
        case .markdown, .python, .script: limit = Self.maxColumnsOfDocuments
        case .other: return []
        }
        var isFenced = false
        return file.lines.enumerated().compactMap { index, line in
            if file.language == .markdown {
                if line.hasPrefix("```") { isFenced.toggle() }
                if isFenced || line.hasPrefix("|") || line.hasPrefix("    ") { return nil }
            }
            guard line.utf8.count > limit, line.count > limit else { return nil }
            // swift-format breaks code, and leaves the texts of literals whole.
            if file.language == .swift, !line.contains("//") { return nil }
            return Finding(file.path, index + 1, "length", "break the line at \(limit) columns")
        }
    }
}
