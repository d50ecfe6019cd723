// SPDX-License-Identifier: Apache-2.0

/// The types that comments and documents quote exist.
///
/// A quoted name with two capital letters, one of them the first, is a type, or a part of a name
/// such as `HNSWIndex+Forms`: all its parts occur in code, or are names of files.
struct NameRule {
    /// The names that belong to others, with their owner.
    static let foreign: [String: String] = [
        "BooleanClause": "Lucene", "CombinedFieldQuery": "Lucene", "DisjunctionSumScorer": "Lucene",
        "FuzzyQuery": "Lucene", "PhraseQuery": "Lucene", "PostingsEnum": "Lucene",
        "ScoreDoc": "Lucene", "TopDocs": "Lucene", "TopScoreDocCollector": "Lucene",
        "IndexFlat": "faiss", "IndexFlatL2": "faiss", "WriteBatch": "RocksDB",
        "CPUAffinity": "systemd", "DispatchSerialQueue": "Dispatch", "VmHWM": "Linux",
    ]
    /// The documents that tell about the past.
    private static let history = ["CHANGELOG.md"]

    func findings(in tree: Tree) -> [Finding] {
        let known = names(in: tree)
        return tree.files.flatMap { file -> [Finding] in
            guard [.markdown, .swift].contains(file.language), !Self.history.contains(file.path)
            else { return [] }
            var findings: [Finding] = []
            for (number, text) in prose(file) where text.utf8.contains(UInt8(ascii: "`")) {
                for name in LinkRule.quoted(in: text).flatMap(parts) where isType(name) {
                    if known.contains(name) || Self.foreign[name] != nil { continue }
                    let advice = "no code has the name `\(name)`: write the name of today"
                    findings.append(Finding(file.path, number, "names", advice))
                }
            }
            return findings
        }
    }

    /// The numbered lines of a document, or of the comments of a source.
    private func prose(_ file: TreeFile) -> [(line: Int, text: String)] {
        if file.language == .swift {
            return Prose.parts(of: file, .comment).map { ($0.line, $0.text) }
        }
        return file.lines.enumerated().map { ($0.offset + 1, $0.element) }
    }

    private func parts(_ quoted: String) -> [String] {
        guard !quoted.contains(" ") else { return [] }
        return quoted.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init)
    }

    private func isType(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        let capitals = bytes.count { $0 >= 0x41 && $0 <= 0x5a }
        return isCapital(name) && capitals > 1 && bytes.contains { $0 >= 0x61 && $0 <= 0x7a }
            && !name.contains("_")
    }

    private func isCapital(_ name: String) -> Bool {
        name.utf8.first.map { $0 >= 0x41 && $0 <= 0x5a } ?? false
    }

    private func names(in tree: Tree) -> Set<String> {
        var names: Set<String> = []
        for file in tree.files {
            for part in parts(file.name) { names.insert(part) }
            switch file.language {
            case .swift:
                for token in file.tokens where isCapital(token.text) { names.insert(token.text) }
            case .c, .python, .script:
                let kinds = [SourceScanner.Kind](repeating: .code, count: file.bytes.count)
                for token in Token.tokens(of: file.bytes, kinds) where isCapital(token.text) {
                    names.insert(token.text)
                }
            case .markdown, .other: break
            }
        }
        for folder in tree.folders { names.formUnion(parts(folder)) }
        return names
    }
}
