// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneImport

/// The options for the analysis and ranking of text, in the form that users type.
struct TextCommandOptions: ParsableArguments {
    @Option(
        name: .customLong("text-field"),
        help: ArgumentHelp(
            "A text field with a weight of its own, fixed; up to seven times.",
            discussion: "Others count as one field of weight 1; 3 to 5 suits a title.",
            valueName: "name[:weight]"
        )
    )
    var textFields: [String] = []
    @Option(
        help: ArgumentHelp(
            "The language of the text, fixed: english, none, or one of the Snowball project "
                + "such as french.",
            valueName: "language"
        )
    )
    var language = LanguageName.english
    @Flag(help: "Let words such as 'the' count in plain queries, fixed.")
    var keepStopWords = false

    func options() throws -> TextOptions {
        TextOptions(
            fields: try textFields.map(Self.field),
            language: language.language,
            keepsStopWords: keepStopWords
        )
    }

    /// Reads a field in the form that users type; its name may have colons if a weight follows.
    private static func field(_ typed: String) throws -> TextFieldOptions {
        guard let colon = typed.lastIndex(of: ":") else { return TextFieldOptions(typed) }
        guard let weight = DecimalText.double(String(typed[typed.index(after: colon)...])) else {
            throw ValidationError(
                "The text field '\(typed)' has no number after its colon; write title:5."
            )
        }
        return TextFieldOptions(String(typed[..<colon]), weight: weight)
    }
}

/// A language by the name that users type.
struct LanguageName: ExpressibleByArgument {
    static let english = LanguageName(language: .english)

    let language: TextLanguage

    init(language: TextLanguage) {
        self.language = language
    }

    init?(argument: String) {
        let named = TextLanguage.allCases.first { $0.name == argument }
        guard let named else { return nil }
        language = named
    }

    static var allValueStrings: [String] { TextLanguage.allCases.map(\.name) }
    var defaultValueDescription: String { language.name }
}
