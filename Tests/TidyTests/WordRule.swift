// SPDX-License-Identifier: Apache-2.0

/// The language of comments, documents, messages and titles (`CONTRIBUTING.md`).
///
/// A paragraph that lists the words on purpose has the mark `tidy: words`, in it or before it.
struct WordRule {
    private static let banned: [String: String] = [
        "anew": "again", "beside": "next to", "gone": "missing, deleted or closed",
        "ill": "damaged",
        "mend": "repair", "mends": "repairs", "mended": "repaired", "mending": "repair",
        "asked": "requested or queried",
        // The spelling is American.
        "licence": "license", "licences": "licenses", "labelled": "labeled",
        "labelling": "labeling",
        "analyse": "analyze", "analysed": "analyzed",
        "analysing": "analyzing", "neighbour": "neighbor", "neighbours": "neighbors",
        "behaviour": "behavior", "colour": "color", "centre": "center", "misspelt": "misspelled",
    ]
    private static let bannedPairs: [String: (next: String, better: String)] = [
        "takes": ("in", "reads or accepts"), "of": ("which", "a second sentence"),
        "for": ("ever", "the end that it has"),
    ]
    private static let subjects: Set<String> = ["who", "whoever", "what"]

    private struct Word {
        var text: String
        var line: Int
        var beginsSentence: Bool
        var isCapital: Bool
        /// Whether only spaces lie between the word and the one before it.
        var isJoined: Bool
        /// Whether the sentence that the word begins ends with a question mark.
        var beginsQuestion = false
    }

    func findings(in tree: Tree) -> [Finding] {
        tree.files.flatMap { file in
            Prose.paragraphs(of: file).flatMap { findings($0, file) }
        }
    }

    private func findings(_ paragraph: Prose.Paragraph, _ file: TreeFile) -> [Finding] {
        let words = words(of: paragraph)
        var findings: [Finding] = []
        let first = paragraph[0].line
        let last = paragraph[paragraph.count - 1].line
        let isMarked = file.lines[max(first - 2, 0)..<last].contains { $0.contains("tidy: words") }
        guard !isMarked else { return [] }
        func add(_ line: Int, _ advice: String) {
            findings.append(Finding(file.path, line, "words", advice))
        }
        for (index, word) in words.enumerated() {
            if let better = Self.banned[word.text] {
                add(word.line, "write \(better) instead of \"\(word.text)\"")
            }
            if let pair = Self.bannedPairs[word.text], index + 1 < words.count,
                words[index + 1].text == pair.next, words[index + 1].isJoined
            {
                add(word.line, "write \(pair.better) instead of \"\(word.text) \(pair.next)\"")
            }
            if Self.subjects.contains(word.text), word.beginsSentence, word.isCapital,
                !word.beginsQuestion
            {
                add(word.line, "begin the sentence with its noun instead of \"\(word.text)\"")
            }
        }
        return findings
    }

    private func words(of paragraph: Prose.Paragraph) -> [Word] {
        var words: [Word] = []
        var start: Int?
        var isSentenceStart = true
        var isJoined = false
        for (line, text) in paragraph {
            let bytes = Array(text.utf8)
            var position = 0
            while position < bytes.count {
                let byte = bytes[position]
                if Token.isPartOfName(byte) {
                    var end = position + 1
                    while end < bytes.count, Self.isInWord(bytes, end) { end += 1 }
                    if isSentenceStart { start = words.count }
                    words.append(
                        Word(
                            text: Self.known(bytes[position..<end]),
                            line: line,
                            beginsSentence: isSentenceStart,
                            isCapital: byte < UInt8(ascii: "a"),
                            isJoined: isJoined
                        )
                    )
                    isSentenceStart = false
                    isJoined = true
                    position = end
                    continue
                }
                let next = position + 1 < bytes.count ? bytes[position + 1] : UInt8(ascii: " ")
                if ".?!:".utf8.contains(byte), next <= UInt8(ascii: " ") {
                    if byte == UInt8(ascii: "?"), let start { words[start].beginsQuestion = true }
                    isSentenceStart = byte != UInt8(ascii: ":")
                    start = nil
                }
                if byte > UInt8(ascii: " ") { isJoined = false }
                position += 1
            }
        }
        return words
    }

    /// The words that the rule looks for, by their first letter.
    private static let wanted: [[[UInt8]]] = {
        var wanted = [[[UInt8]]](repeating: [], count: 256)
        let pairs = bannedPairs.flatMap { [$0.key, $0.value.next] }
        for word in Set(banned.keys).union(pairs).union(subjects) {
            let bytes = Array(word.utf8)
            wanted[Int(bytes[0])].append(bytes)
        }
        return wanted
    }()

    /// A word in small letters if the rule looks for it, else an empty one.
    private static func known(_ bytes: ArraySlice<UInt8>) -> String {
        // The letters of the words are ASCII, where this bit tells small from capital.
        let first = bytes[bytes.startIndex] | 0x20
        for word in wanted[Int(first)] where word.count == bytes.count {
            if word.elementsEqual(bytes.lazy.map { $0 | 0x20 }) {
                return String(decoding: word, as: UTF8.self)
            }
        }
        return ""
    }

    /// Whether a word goes on: letters, and signs between two letters.
    private static func isInWord(_ bytes: [UInt8], _ position: Int) -> Bool {
        if Token.isPartOfName(bytes[position]) { return true }
        let isJoint = "'-".utf8.contains(bytes[position])
        return isJoint && position + 1 < bytes.count && Token.isPartOfName(bytes[position + 1])
    }
}
