// SPDX-License-Identifier: Apache-2.0

/// The sentences of a file: comments, messages, titles, or the text of a document.
struct Prose {
    /// A run of lines that read as one text.
    typealias Paragraph = [(line: Int, text: String)]

    static func paragraphs(of file: TreeFile) -> [Paragraph] {
        guard !file.isGenerated else { return [] }
        switch file.language {
        case .swift, .c: return comments(of: file) + literals(of: file)
        case .markdown: return markdown(file)
        case .python, .script: return script(file)
        case .other: return []
        }
    }

    /// The numbered lines of the bytes of one kind, without the bytes of other kinds.
    static func parts(
        of file: TreeFile,
        _ kind: SourceScanner.Kind
    ) -> [(line: Int, text: String, isFirst: Bool)] {
        var parts: [(line: Int, text: String, isFirst: Bool)] = []
        var line = 1
        var start: Int?
        var isFirst = true
        // An iterator of pairs would cost more than all else in a debug build.
        var position = -1
        while position + 1 < file.bytes.count {
            position += 1
            let byte = file.bytes[position]
            let isNewline = byte == UInt8(ascii: "\n")
            let isPart = file.kinds[position] == kind && !isNewline
            if isPart {
                if start == nil { start = position }
            } else if let begin = start {
                let text = String(decoding: file.bytes[begin..<position], as: UTF8.self)
                parts.append((line, text, isFirst))
                start = nil
            }
            if isNewline {
                line += 1
                isFirst = true
            } else if byte > UInt8(ascii: " "), file.kinds[position] == .code {
                isFirst = false
            }
        }
        if let start {
            parts.append((line, String(decoding: file.bytes[start...], as: UTF8.self), isFirst))
        }
        return parts
    }

    private static func comments(of file: TreeFile) -> [Paragraph] {
        var paragraphs: [Paragraph] = []
        var last = -1
        for part in parts(of: file, .comment) {
            let text = String(part.text.drop { "/* ".contains($0) })
            let isContinued = part.isFirst && last == part.line - 1 && !begins(text)
            if isContinued, !paragraphs.isEmpty {
                paragraphs[paragraphs.count - 1].append((part.line, text))
            } else if !text.isEmpty {
                paragraphs.append([(part.line, text)])
            }
            last = text.isEmpty || !part.isFirst ? -1 : part.line
        }
        return paragraphs
    }

    /// The texts of literals; in tests those of titles only, because the others are data.
    private static func literals(of file: TreeFile) -> [Paragraph] {
        let isTest = file.path.hasPrefix("Tests/") && file.path.contains("Tests/", after: 6)
        var paragraphs: [Paragraph] = []
        var last = -1
        for part in parts(of: file, .literal) {
            if isTest, !isTitle(part.line, part.isFirst, in: file) { continue }
            // A single word is data.
            if !part.text.utf8.contains(UInt8(ascii: " ")), !part.isFirst { continue }
            let text = part.text.replacingOccurrences(of: "\\n", with: "  ")
                .trimmed { "\"# ".contains($0) }
            if part.isFirst, last == part.line - 1, !paragraphs.isEmpty {
                paragraphs[paragraphs.count - 1].append((part.line, text))
            } else {
                paragraphs.append([(part.line, text)])
            }
            last = part.isFirst ? part.line : -1
        }
        return paragraphs
    }

    /// Whether a literal is the title of a test or of a suite.
    private static func isTitle(_ line: Int, _ isFirst: Bool, in file: TreeFile) -> Bool {
        let text = isFirst && line > 1 ? file.lines[line - 2] : file.lines[line - 1]
        let start = text.drop { $0 == " " }
        return start.hasPrefix("@Test(") || start.hasPrefix("@Suite(")
    }

    private static func markdown(_ file: TreeFile) -> [Paragraph] {
        var paragraphs: [Paragraph] = []
        var isFenced = false
        var isContinued = false
        for (index, line) in file.lines.enumerated() {
            let text = String(line.drop { $0 == " " })
            if text.hasPrefix("```") { isFenced.toggle() }
            let isCode =
                isFenced || text.hasPrefix("```") || (!isContinued && line.hasPrefix("    "))
            guard !isCode, !text.isEmpty else {
                isContinued = false
                continue
            }
            let prose = (index + 1, withoutCode(text).replacingOccurrences(of: "|", with: ". "))
            if isContinued, !begins(text), !text.hasPrefix("#") {
                paragraphs[paragraphs.count - 1].append(prose)
            } else {
                paragraphs.append([prose])
            }
            isContinued = !text.hasPrefix("#")
        }
        return paragraphs
    }

    /// Whether a line begins an item of a list or a row of a table.
    private static func begins(_ text: String) -> Bool {
        text.hasPrefix("- ") || text.hasPrefix("|") || text.hasPrefix("* ")
            || (text.first?.isNumber == true && text.drop { $0.isNumber }.hasPrefix(". "))
    }

    /// A line of Markdown with its quoted code replaced by a name.
    private static func withoutCode(_ text: String) -> String {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .map { $0.offset % 2 == 0 ? String($0.element) : "X" }.joined()
    }

    /// The lines of a script or of Python: comments, documentation and messages in any order.
    private static func script(_ file: TreeFile) -> [Paragraph] {
        var paragraphs: [Paragraph] = []
        var isContinued = false
        for (index, line) in file.lines.enumerated() {
            // A single word in quotes is data.
            let text = line.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
                .map { $0.offset % 2 == 1 && !$0.element.contains(" ") ? "" : $0.element }
                .joined().trimmed { " \t#@'".contains($0) }
            let isComment = line.contains("#") || line.contains("\"\"\"")
            if text.isEmpty {
                isContinued = false
            } else if isContinued, !isComment || line.drop(while: { $0 == " " }).hasPrefix("#") {
                paragraphs[paragraphs.count - 1].append((index + 1, text))
            } else {
                paragraphs.append([(index + 1, text)])
                isContinued = true
            }
        }
        return paragraphs
    }
}

extension StringProtocol {
    /// The text without the characters at both ends that pass.
    func trimmed(_ isTrimmed: (Character) -> Bool) -> String {
        var text = self[...]
        while let last = text.last, isTrimmed(last) { text.removeLast() }
        return String(text.drop(while: isTrimmed))
    }

    /// The text with each occurrence of another replaced, without Foundation's rules of characters.
    func replacingOccurrences(of other: String, with replacement: String) -> String {
        var result = ""
        var rest = self[...]
        while let range = rest.firstRange(of: other) {
            result += rest[..<range.lowerBound] + replacement
            rest = rest[range.upperBound...]
        }
        return result + rest
    }

    func contains(_ other: String, after count: Int) -> Bool {
        dropFirst(count).firstRange(of: other) != nil
    }
}
