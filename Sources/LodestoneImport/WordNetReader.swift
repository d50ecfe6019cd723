// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The synsets of WordNet 3.0, from the database files of Debian's wordnet-base.
///
/// A synset becomes a document. Its id is its part of speech and offset (`n00001740`), its text
/// fields are `words` and `definition`, and its metadata are `pos`, `lexname` and `senses`. Its
/// pointers become edges to other synsets. Several pointers between words of the same two synsets
/// become equal edges; a store keeps one of them. The format is that of wndb(5WN).
package struct WordNetReader: BatchReader {
    /// The directory where Debian installs the files.
    package static let debianDirectory = "/usr/share/wordnet"

    private static let files: [(pos: UInt8, name: String)] = [
        (UInt8(ascii: "n"), "data.noun"), (UInt8(ascii: "v"), "data.verb"),
        (UInt8(ascii: "a"), "data.adj"), (UInt8(ascii: "r"), "data.adv"),
    ]

    private let directory: String
    private var next = 0
    private var lines: LineReader?
    private var linesBefore = 0
    private var fractionBefore = 0.0

    /// Opens the first file; the others are opened later.
    ///
    /// - Throws: `.notFound` when WordNet is not installed.
    package init(directory: String = debianDirectory) throws(LodestoneError) {
        self.directory = directory
        try openNext()
    }

    package var path: String { lines?.path ?? directory }

    package mutating func next(_ count: Int) throws(LodestoneError) -> ImportBatch? {
        guard let lines else { return nil }
        var batch = ImportBatch(path: lines.path, after: linesBefore + lines.lineNumber)
        let pos = Self.files[next - 1].pos
        var byteCount = 0
        while batch.documents.count < count, byteCount < ImportBatch.maxBytes {
            guard let line = try lines.next() else {
                linesBefore += lines.lineNumber
                try openNext()
                break
            }
            guard case .bytes(let bytes) = line else { continue }
            // The license comes first, with each of its lines indented.
            if bytes.isEmpty || bytes[0] == UInt8(ascii: " ") { continue }
            byteCount += bytes.count
            do {
                batch.documents.append(try Self.document(bytes, pos: pos))
                batch.lines.append(lines.lineNumber)
            } catch {
                batch.badLines.append(
                    BadLine(file: lines.path, line: lines.lineNumber, reason: error.message)
                )
            }
        }
        batch.endsAtLine = linesBefore + (self.lines === lines ? lines.lineNumber : 0)
        batch.fractionRead = fractionRead
        return batch
    }

    package mutating func skip(throughLine line: Int) throws(LodestoneError) {
        while let lines, linesBefore + lines.lineNumber < line {
            guard try lines.next() != nil else {
                linesBefore += lines.lineNumber
                try openNext()
                continue
            }
        }
    }

    // The nouns are seven tenths of the bytes.
    private static let shares = [0.70, 0.13, 0.145, 0.025]

    private var fractionRead: Double {
        guard let lines else { return 1 }
        return fractionBefore + lines.fractionRead * Self.shares[next - 1]
    }

    private mutating func openNext() throws(LodestoneError) {
        if lines != nil { fractionBefore += Self.shares[next - 1] }
        guard next < Self.files.count else {
            lines = nil
            return
        }
        lines = try LineReader(path: "\(directory)/\(Self.files[next].name)")
        next += 1
    }
}

extension WordNetReader {
    /// Reads a line of a data file: `offset lexname type count (word id)… count (symbol offset pos
    /// source/target)… | gloss`.
    private static func document(_ bytes: UnsafeRawBufferPointer, pos: UInt8)
        throws(MappingError) -> Document
    {
        // The files are ASCII, except for a few bytes of ISO 8859-1.
        let line =
            bytes.allSatisfy { $0 < 0x80 }
            ? String(decoding: bytes, as: UTF8.self)
            : String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) }))
        // Only the gloss has a bar, and it comes last.
        guard let bar = line.utf8.firstIndex(of: UInt8(ascii: "|")) else {
            throw MappingError(message: "there is no '|' before the gloss")
        }
        var columns = Columns(line[..<bar])
        let pos = String(UnicodeScalar(pos))
        let offset = try columns.next("offset")
        let lexname = try lexname(try columns.next("lexicographer file"))
        _ = try columns.next("type")
        let wordCount = try columns.number("word count", radix: 16)
        var words: [String] = []
        for _ in 0..<wordCount {
            words.append(word(try columns.next("word")))
            _ = try columns.next("word's id")
        }
        var document = Document(id: try id(pos, offset))
        for _ in 0..<(try columns.number("pointer count", radix: 10)) {
            let symbol = try columns.next("pointer")
            guard let label = labels[String(symbol)] else {
                throw MappingError(message: "the pointer '\(symbol)' is unknown")
            }
            let target = try columns.next("target")
            let targetPos = try columns.next("target's part of speech")
            _ = try columns.next("source and target words")
            // Satellite adjectives (s) are in the file of adjectives, and share its offsets.
            let targetID = try id(targetPos == "s" ? "a" : String(targetPos), target)
            document.edges.append(Edge(label, to: targetID))
        }
        document.text = [
            TextField(name: "words", text: words.joined(separator: ", ")),
            TextField(name: "definition", text: definition(line[line.utf8.index(after: bar)...])),
        ]
        document.metadata = [
            "pos": .string(pos), "lexname": .string(lexname), "senses": .int(Int64(wordCount)),
        ]
        return document
    }

    private static func id(_ pos: String, _ offset: Substring) throws(MappingError) -> DocumentID {
        guard offset.utf8.count == 8, offset.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw MappingError(message: "the offset '\(offset)' is not eight digits")
        }
        return DocumentID(trusted: pos + offset)
    }

    private static func lexname(_ column: Substring) throws(MappingError) -> String {
        guard let number = Int(column), lexnames.indices.contains(number) else {
            throw MappingError(message: "the lexicographer file '\(column)' is unknown")
        }
        return lexnames[number]
    }

    /// The word without underscores and without the marker of an adjective's position: `(p)`.
    private static func word(_ column: Substring) -> String {
        var word = column
        for marker in ["(p)", "(a)", "(ip)"] where word.hasSuffix(marker) {
            word = word.dropLast(marker.count)
        }
        let underscore = UInt8(ascii: "_")
        guard word.utf8.contains(underscore) else { return String(word) }
        return String(
            decoding: word.utf8.map { $0 == underscore ? UInt8(ascii: " ") : $0 },
            as: UTF8.self
        )
    }

    /// The gloss up to a semicolon, without its quoted examples and the text that follows each of
    /// them.
    private static func definition(_ gloss: Substring) -> String {
        let gloss = Array(gloss.utf8)
        let quote = UInt8(ascii: "\"")
        var content: [UInt8] = []
        var index = 0
        while index < gloss.count {
            var start = index
            if gloss[start] == UInt8(ascii: ";") { start += 1 }
            while start < gloss.count, gloss[start] == UInt8(ascii: " ") { start += 1 }
            if start < gloss.count, gloss[start] == quote,
                let end = gloss[(start + 1)...].firstIndex(of: quote)
            {
                index = gloss[end...].firstIndex(of: UInt8(ascii: ";")) ?? gloss.count
            } else {
                content.append(gloss[index])
                index += 1
            }
        }
        let edges: [UInt8] = [UInt8(ascii: " "), UInt8(ascii: ";")]
        let start = content.firstIndex { !edges.contains($0) } ?? content.count
        let end = content.lastIndex { !edges.contains($0) } ?? start - 1
        return String(decoding: content[start..<end + 1], as: UTF8.self)
    }

    private static let labels = [
        "@": "hypernym", "@i": "instance_hypernym", "~": "hyponym", "~i": "instance_hyponym",
        "#m": "member_holonym", "#s": "substance_holonym", "#p": "part_holonym",
        "%m": "member_meronym", "%s": "substance_meronym", "%p": "part_meronym",
        "=": "attribute", "+": "derivation", "!": "antonym", "&": "similar_to",
        "^": "also_see", "$": "verb_group", "*": "entailment", ">": "cause",
        "<": "participle", "\\": "pertainym", ";c": "domain_topic", "-c": "topic_member",
        ";r": "domain_region", "-r": "region_member", ";u": "domain_usage", "-u": "usage_member",
    ]

    private static let lexnames = [
        "adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal",
        "noun.artifact", "noun.attribute", "noun.body", "noun.cognition", "noun.communication",
        "noun.event", "noun.feeling", "noun.food", "noun.group", "noun.location", "noun.motive",
        "noun.object", "noun.person", "noun.phenomenon", "noun.plant", "noun.possession",
        "noun.process", "noun.quantity", "noun.relation", "noun.shape", "noun.state",
        "noun.substance", "noun.time", "verb.body", "verb.change", "verb.cognition",
        "verb.communication", "verb.competition", "verb.consumption", "verb.contact",
        "verb.creation", "verb.emotion", "verb.motion", "verb.perception", "verb.possession",
        "verb.social", "verb.stative", "verb.weather", "adj.ppl",
    ]
}

/// The space-separated columns of a line.
private struct Columns {
    private var remaining: ArraySlice<Substring.UTF8View.SubSequence>

    init(_ line: Substring) { remaining = line.utf8.split(separator: UInt8(ascii: " "))[...] }

    mutating func next(_ name: String) throws(MappingError) -> Substring {
        guard let column = remaining.popFirst() else {
            throw MappingError(message: "the line ends before its \(name)")
        }
        return Substring(column)
    }

    mutating func number(_ name: String, radix: Int) throws(MappingError) -> Int {
        let column = try next(name)
        guard let number = Int(column, radix: radix), (0...9_999).contains(number) else {
            throw MappingError(message: "the \(name) '\(column)' is not a number")
        }
        return number
    }
}
