// SPDX-License-Identifier: Apache-2.0

/// A declaration whose name nothing else uses is dead, and one that only tests use is not finished.
///
/// The rule counts names in all Swift sources. A name that two declarations share hides both, so
/// the rule finds not all dead code, but little else.
struct DeadCodeRule {
    /// The names that a protocol of the toolchain or of a package uses, with the protocol.
    static let required: [String: String] = [
        "allValueStrings": "ExpressibleByArgument",
        "defaultValueDescription": "ExpressibleByArgument",
        "validate": "ParsableCommand", "unownedExecutor": "Actor",
        "testDescription": "CustomTestStringConvertible", "userInfo": "Decoder",
        "makeCounter": "MetricsFactory", "makeMeter": "MetricsFactory",
        "makeTimer": "MetricsFactory", "makeRecorder": "MetricsFactory",
        "destroyCounter": "MetricsFactory", "destroyMeter": "MetricsFactory",
        "destroyTimer": "MetricsFactory", "destroyRecorder": "MetricsFactory",
        "decrement": "MeterHandler",
        // A call of the value never names it.
        "callAsFunction": "the language",
        "encodeNil": "UnkeyedEncodingContainer", "decodeNil": "UnkeyedDecodingContainer",
        "nestedContainer": "UnkeyedDecodingContainer",
        "nestedUnkeyedContainer": "UnkeyedDecodingContainer",
        "superDecoder": "UnkeyedDecodingContainer", "superEncoder": "UnkeyedEncodingContainer",
        // Properties of values in tests of Codable.
        "article": "Codable", "authors": "Codable", "v": "Codable", "w": "Codable",
    ]
    /// The names of production code that tests use, with the reason.
    static let forTests: [String: String] = [
        "starvations": "only the listener knows that it is out of descriptors"
    ]

    private static let keywords: Set<String> = [
        "func", "var", "let", "case", "struct", "class", "enum", "protocol", "typealias", "actor",
        "associatedtype",
    ]
    private static let modifiers: Set<String> = [
        "public", "package", "internal", "fileprivate", "private", "static", "final", "mutating",
        "nonmutating", "override", "lazy", "indirect", "nonisolated", "unowned", "weak",
        "consuming",
        "borrowing", "class", "set", "unsafe",
    ]

    /// The occurrences of a name.
    private struct Counts {
        var isInProduction = false
        /// Whether callers of the library, or a loop over all cases, may use it.
        var isOpen = false
        var declaredAt: (path: String, line: Int)?
        var uses = 0
        var usesInTests = 0
    }

    func findings(in tree: Tree) -> [Finding] {
        var counts: [String: Counts] = [:]
        for file in tree.swift where file.path != "Package.swift" { count(file, &counts) }
        var findings: [Finding] = []
        for (name, count) in counts {
            guard let location = count.declaredAt, Self.required[name] == nil else { continue }
            if count.uses + count.usesInTests == 0 {
                let advice = "nothing uses \"\(name)\": drop it"
                findings.append(Finding(location.path, location.line, "dead code", advice))
            } else if count.isInProduction, count.uses == 0, !count.isOpen,
                Self.forTests[name] == nil
            {
                let advice = "only tests use \"\(name)\": move it to the tests, or drop it"
                findings.append(Finding(location.path, location.line, "dead code", advice))
            }
        }
        return findings.sorted { ($0.path, $0.line) < ($1.path, $1.line) }
    }

    private func count(_ file: TreeFile, _ counts: inout [String: Counts]) {
        let tokens = file.tokens
        let isTest = file.path.hasPrefix("Tests/")
        for (index, token) in tokens.enumerated() where token.isName {
            if let keyword = declaration(tokens, index) {
                if isTest, isTestOrSuite(tokens, keyword) { continue }
                var count = counts[token.text] ?? Counts()
                if count.declaredAt == nil || (!isTest && !count.isInProduction) {
                    count.declaredAt = (file.path, token.line)
                }
                count.isInProduction = count.isInProduction || !isTest
                count.isOpen =
                    count.isOpen || isPublic(tokens, keyword)
                    || tokens[keyword].text == "case"
                counts[token.text] = count
            } else if !isLabel(tokens, index), !isAssignmentOfInit(tokens, index) {
                if isTest {
                    counts[token.text, default: Counts()].usesInTests += 1
                } else {
                    counts[token.text, default: Counts()].uses += 1
                }
            }
        }
    }

    /// The index of the keyword of the declaration that the name belongs to.
    private func declaration(_ tokens: [Token], _ index: Int) -> Int? {
        guard index > 0, !Self.keywords.contains(tokens[index].text) else { return nil }
        let isKeyword = Self.keywords.contains(tokens[index - 1].text)
        // `.case` is a name, and `import struct` imports one.
        let before = index > 1 ? tokens[index - 2].text : ""
        guard isKeyword, before != ".", before != "import", before != "main" else { return nil }
        // A pattern names a constant: `case SQLITE_BUSY:`.
        let isPattern = tokens[index - 1].text == "case" && !isLowercase(tokens[index].text)
        return isPattern ? nil : index - 1
    }

    private func isLowercase(_ name: String) -> Bool {
        name.utf8.first.map { $0 == UInt8(ascii: "_") || $0 >= UInt8(ascii: "a") } ?? false
    }

    private func isPublic(_ tokens: [Token], _ keyword: Int) -> Bool {
        var position = keyword - 1
        while position >= 0, Self.modifiers.contains(tokens[position].text) {
            if tokens[position].text == "public" { return true }
            position -= 1
        }
        return false
    }

    /// Whether an attribute with arguments, `Test` or `Suite`, stands before a declaration.
    private func isTestOrSuite(_ tokens: [Token], _ keyword: Int) -> Bool {
        var position = keyword - 1
        while position >= 0, Self.modifiers.contains(tokens[position].text) { position -= 1 }
        guard position > 0, ["func", "struct", "class"].contains(tokens[keyword].text) else {
            return false
        }
        if tokens[position].text == ")" {
            var depth = 0
            repeat {
                depth += tokens[position].text == ")" ? 1 : tokens[position].text == "(" ? -1 : 0
                position -= 1
            } while position > 0 && depth > 0
        }
        return ["Test", "Suite"].contains(tokens[position].text)
    }

    /// Whether the name is the label of an argument.
    private func isLabel(_ tokens: [Token], _ index: Int) -> Bool {
        guard index > 0, index + 1 < tokens.count, tokens[index + 1].text == ":" else {
            return false
        }
        return tokens[index - 1].text == "(" || tokens[index - 1].text == ","
    }

    /// Whether the name stands in `self.name = name`, which keeps a value that nothing may read.
    private func isAssignmentOfInit(_ tokens: [Token], _ index: Int) -> Bool {
        func isText(_ offset: Int, _ text: String) -> Bool {
            tokens.indices.contains(index + offset) && tokens[index + offset].text == text
        }
        if isText(-2, "self"), isText(-1, "."), isText(1, "="), !isText(2, "=") { return true }
        return isText(-4, "self") && isText(-3, ".") && isText(-2, tokens[index].text)
            && isText(-1, "=")
    }
}
