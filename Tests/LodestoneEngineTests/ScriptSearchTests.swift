// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

/// The forms of a query that find the forms of a text.
///
/// The forms are composed (NFC) or decomposed (NFD), and have the marks of the script or not.
@Suite("Words of every script")
struct ScriptSearchTests {
    private struct Script {
        let name: String
        /// The word with its marks.
        let word: String
        /// The word without its marks or, where the script has none, a word that looks like it.
        let bare: String
        /// Whether `word` and `bare` are different words in the language.
        let areDifferent: Bool
        /// Whether plain queries search pairs of characters.
        var isUnspaced = false
        var language: TextLanguage = .english

        var composed: String { word.precomposedStringWithCanonicalMapping }
        var apart: String { word.decomposedStringWithCanonicalMapping }
    }

    private static let scripts = [
        Script(name: "Latin", word: "élève", bare: "eleve", areDifferent: false),
        Script(name: "Vietnamese", word: "Nguyễn", bare: "Nguyen", areDifferent: false),
        Script(name: "Greek", word: "Ἀθήνα", bare: "Αθηνα", areDifferent: false),
        Script(name: "Cyrillic", word: "йодёр", bare: "иодер", areDifferent: false),
        Script(name: "Arabic", word: "مُحَمَّد", bare: "محمد", areDifferent: false),
        Script(name: "Alef", word: "آدمي", bare: "ادمي", areDifferent: false),
        Script(name: "Hebrew", word: "שָׁלוֹם", bare: "שלום", areDifferent: false),
        Script(name: "Devanagari", word: "\u{958}लम", bare: "कलम", areDifferent: true),
        Script(name: "Bengali", word: "কোল", bare: "কল", areDifferent: true),
        Script(name: "Gurmukhi", word: "\u{A59}ਬਰ", bare: "ਖਬਰ", areDifferent: true),
        Script(name: "Tamil", word: "கொடி", bare: "கட", areDifferent: true),
        Script(name: "Telugu", word: "కైలం", bare: "కల", areDifferent: true),
        Script(name: "Thai", word: "กุ\u{E48}น", bare: "กน", areDifferent: true, isUnspaced: true),
        Script(
            name: "Burmese",
            word: "ဥ\u{102E}းမ",
            bare: "ဥမ",
            areDifferent: true,
            isUnspaced: true
        ),
        Script(name: "Japanese", word: "がくせい", bare: "かくせい", areDifferent: true, isUnspaced: true),
        Script(name: "Korean", word: "한국어", bare: "하국어", areDifferent: true, isUnspaced: true),
        Script(
            name: "Chinese",
            word: "\u{FA1B}利",
            bare: "富利",
            areDifferent: true,
            isUnspaced: true
        ),
    ]

    @Test("Words of every script are found in each form, by both strategies, also after compaction")
    func forms() async throws {
        let store = try TestStore()
        var engine = try store.open()
        var names: [(name: String, script: Script)] = []
        for (number, script) in Self.scripts.enumerated() {
            for language in [TextLanguage.english, .none, .german] {
                for strategy in [TextIndexStrategy.postings, .fts5] {
                    let name = "s\(number)-\(language)-\(strategy == .fts5 ? "fts5" : "postings")"
                    var named = script
                    named.language = language
                    names.append((name, named))
                    try await engine.createCollection(
                        name,
                        CollectionOptions(
                            dimension: 0,
                            textStrategy: strategy,
                            text: TextOptions(language: language)
                        )
                    )
                    let texts = [script.composed, script.apart, script.bare]
                    _ = try await engine.index(
                        name,
                        try texts.enumerated().map { number, word in
                            Document(
                                id: try DocumentID("d\(number)"),
                                text: [
                                    TextField(name: "t", text: "xx \(word) yy"),
                                    TextField(name: "u", text: "zz"),
                                ]
                            )
                        }
                    )
                }
            }
        }
        for turn in 0..<2 {
            for (name, script) in names { try await expectForms(engine, name, script) }
            if turn == 1 { continue }
            for (name, _) in names { try await engine.compact(name) }
            engine.close()
            engine = try store.open()
        }
        engine.close()
    }

    private func expectForms(_ engine: Engine, _ name: String, _ script: Script) async throws {
        // A stemmer may read a word without its accents as another word.
        let isStemmed = script.language == .german
        for (query, isMarked) in [
            (script.composed, true), (script.apart, true), (script.bare, false),
        ] {
            let own: Set<DocumentID> = isMarked ? ["d0", "d1"] : ["d2"]
            let expected: Set<DocumentID> = script.areDifferent ? own : ["d0", "d1", "d2"]
            for typed in [query, query.uppercased(), "\"xx \(query)\"", "\(query)*", "t:\(query)"] {
                let source = Source.matching(typed, mode: .querySyntax)
                var request = Query([source])
                request.highlight = Highlight(fragmentSize: 0, before: "<", after: ">")
                let hits = try await engine.search(name, request)
                let found = Set(hits.map(\.id))
                if isStemmed {
                    #expect(found.isSuperset(of: own), "\(name) \(script.name) \(typed)")
                    #expect(found.isSubset(of: expected), "\(name) \(script.name) \(typed)")
                } else {
                    #expect(found == expected, "\(name) \(script.name) \(typed)")
                }
                for hit in hits {
                    let text = hit.highlights.first?.fragments.first?.text ?? ""
                    let writing = hit.id == "d0" ? script.composed : script.apart
                    let marked = hit.id == "d2" ? script.bare : writing
                    let highlighted = text.unicodeScalars.filter { $0 != "<" && $0 != ">" }
                    #expect(
                        String(String.UnicodeScalarView(highlighted)).utf8
                            .elementsEqual("xx \(marked) yy".utf8),
                        "\(name) \(typed) \(text)"
                    )
                    #expect(text.utf8.contains(UInt8(ascii: "<")), "\(name) \(typed) \(text)")
                    if !typed.hasPrefix("\"") {
                        #expect(
                            text.utf8.elementsEqual("xx <\(marked)> yy".utf8),
                            "\(name) \(typed) \(text)"
                        )
                    }
                }
                let elsewhere = Source.matching("u:\(query)", mode: .querySyntax)
                #expect(try await engine.search(name, Query([elsewhere])).isEmpty)
            }
            let plain = Set(try await engine.search(name, Query([.matching(query)])).map(\.id))
            #expect(plain.isSuperset(of: own), "\(name) \(script.name) \(query)")
            if !script.isUnspaced, !isStemmed {
                #expect(plain == expected, "\(name) \(script.name) \(query)")
            }
        }
    }

    @Test(
        "Text fields with names in any script are searched, declared or not, by both strategies",
        arguments: [
            (TextIndexStrategy.postings, true), (.postings, false), (.fts5, false),
        ]
    )
    func fieldNames(strategy: TextIndexStrategy, isDeclared: Bool) async throws {
        let names = [
            "शीर्षक", "ชื่อ", "தலைப்பு", "ti\u{301}tulo", "می\u{200C}نام", "ກິນ", "_x-1.y",
        ]
        let store = try TestStore()
        var engine = try store.open()
        try await engine.createCollection(
            "c",
            CollectionOptions(
                dimension: 0,
                textStrategy: strategy,
                text: isDeclared
                    ? TextOptions(fields: names.map { TextFieldOptions($0, weight: 3) })
                    : TextOptions()
            )
        )
        _ = try await engine.index(
            "c",
            try names.enumerated().map { number, name in
                Document(
                    id: try DocumentID("d\(number)"),
                    text: [
                        TextField(name: name, text: "Alpha one"),
                        TextField(name: "body", text: "beta"),
                    ]
                )
            }
        )
        func ids(_ query: String) async throws -> [DocumentID] {
            try await engine.search("c", Query([.matching(query, mode: .querySyntax)])).map(\.id)
        }
        for turn in 0..<2 {
            for (number, name) in names.enumerated() {
                let id = try DocumentID("d\(number)")
                for query in [
                    "\(name):alpha", "\(name): alpha", "\(name):\"alpha one\"", "\(name):alp*",
                    "\(name):(beta OR one)", "\(name):alhpa~", "beta \(name):alpha",
                    "\(name):*lph*", "\(name):alpha NOT \(name):beta",
                ] {
                    #expect(try await ids(query) == [id], "\(query)")
                }
                #expect(try await ids("\(name):beta") == [])
                #expect(try await ids("body:beta").count == names.count)
                #expect(try await ids("NOT \(name):alpha").count == names.count - 1)
            }
            if turn == 1 { continue }
            if isDeclared {
                let error = await failure { _ = try await ids("शीर्ष:alpha") }
                #expect(error?.reason == .unknownField)
                #expect(error?.message.contains("'शीर्ष'") == true)
            } else {
                #expect(try await ids("शीर्ष:alpha") == [])
            }
            try await engine.compact("c")
            engine.close()
            engine = try store.open()
        }
        engine.close()
    }
}
