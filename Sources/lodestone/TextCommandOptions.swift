// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient

/// How text is analysed and ranked, as it is typed.
struct TextCommandOptions: ParsableArguments {
    @Option(
        name: .customLong("text-field"),
        help: ArgumentHelp(
            "A text field with a weight of its own, for ever; up to seven times.",
            discussion: "Others count as one field of weight 1; 3 to 5 suits a title.",
            valueName: "name[:weight]"
        )
    )
    var textFields: [String] = []
    @Option(help: "What the text is written in, for ever.") var language = LanguageName.english
    @Flag(help: "Have words such as 'the' count when plain words are asked for, for ever.")
    var keepStopWords = false

    func options() throws -> TextOptions {
        TextOptions(
            fields: try textFields.map(Self.field),
            language: language.language,
            keepsStopWords: keepStopWords
        )
    }

    /// A field as it was typed; its name may hold colons when a weight follows.
    private static func field(_ typed: String) throws -> TextFieldOptions {
        guard let colon = typed.lastIndex(of: ":") else { return TextFieldOptions(typed) }
        guard let weight = Double(typed[typed.index(after: colon)...]) else {
            throw ValidationError(
                "The text field '\(typed)' has no number behind its colon; write title:5."
            )
        }
        return TextFieldOptions(String(typed[..<colon]), weight: weight)
    }
}

/// A language by the name that users type.
enum LanguageName: String, ExpressibleByArgument, CaseIterable {
    case english, none

    var language: TextLanguage {
        switch self {
        case .english: .english
        case .none: .none
        }
    }
}
