// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A setting: its name in the configuration file, its type, and the property that it sets.
///
/// The flag and the environment variable follow from the name.
package struct Setting: Sendable {
    /// The type of a setting's values.
    package enum Kind: Sendable, Equatable {
        /// Text; the help shows `placeholder` for it.
        case text(placeholder: String)
        /// One of these words.
        case choice([String])
        /// True or false.
        case toggle
        /// A whole number in a range, with its unit.
        case number(ClosedRange<Int>, unit: String)
    }

    /// A value of a setting.
    enum Value: Sendable, Equatable {
        case text(String)
        case toggle(Bool)
        case number(Int)
    }

    /// The key in the configuration file: `maxFrameBytes`.
    package let name: String
    /// The type of its values.
    package let kind: Kind
    /// The meaning of the setting, as a sentence.
    package let meaning: String
    /// The default in words, if it depends on the machine.
    package var defaultNote: String?
    /// Stores a value of the right kind and range in the settings.
    let apply: @Sendable (inout Settings, Value) throws(LodestoneError) -> Void
    /// The value as text; empty when there is none.
    package let show: @Sendable (Settings) -> String

    /// The flag: `--max-frame-bytes`.
    package var flag: String { "--" + words.joined(separator: "-") }
    /// The environment variable: `LODESTONE_MAX_FRAME_BYTES`.
    package var variable: String {
        "LODESTONE_" + words.joined(separator: "_").uppercased()
    }
    /// The default value, as text.
    package var defaultText: String { defaultNote ?? show(Settings()) }
    /// The allowed values, for the reference.
    package var range: String {
        switch kind {
        case .text: "text"
        case .choice(let words): words.joined(separator: ", ")
        case .toggle: "true, false"
        case .number(let range, let unit): "\(range.lowerBound) to \(range.upperBound) \(unit)"
        }
    }

    /// The words of the name: `max`, `frame`, `bytes`.
    private var words: [String] {
        var words = [""]
        var previous: Character?
        for character in name {
            if character.isUppercase, previous?.isLowercase == true { words.append("") }
            words[words.count - 1].append(character.lowercased())
            previous = character
        }
        return words
    }

    /// Reads a value that was written as text.
    ///
    /// `source` names the origin of the text, for the message.
    func value(from text: String, source: String) throws(LodestoneError) -> Value {
        switch kind {
        case .text, .choice: return .text(text)
        case .toggle:
            switch text {
            case "true": return .toggle(true)
            case "false": return .toggle(false)
            default: throw wrong("'\(text)'", source)
            }
        case .number:
            guard let number = Int(text) else { throw wrong("'\(text)'", source) }
            return .number(number)
        }
    }

    /// Checks a value and stores it in the settings.
    func set(_ value: Value, in settings: inout Settings, source: String) throws(LodestoneError) {
        switch (kind, value) {
        case (.text, .text(let text)) where !text.isEmpty: break
        case (.choice(let words), .text(let word)) where words.contains(word): break
        case (.toggle, .toggle): break
        case (.number(let range, _), .number(let number)) where range.contains(number): break
        case (_, .text(let text)): throw wrong("'\(text)'", source)
        case (_, .toggle(let value)): throw wrong("\(value)", source)
        case (_, .number(let number)): throw wrong("\(number)", source)
        }
        try apply(&settings, value)
    }

    /// The error for an invalid value of the setting.
    func wrong(_ text: String, _ source: String) -> LodestoneError {
        .badSetting("\(source): \(text) can't be used for \(name).", "Give \(expected).", name)
    }

    private var expected: String {
        switch kind {
        case .text: "a text that is not empty"
        case .choice(let words): "one of " + words.joined(separator: ", ")
        case .toggle: "true or false"
        case .number(let range, let unit):
            "a whole number of \(unit) from \(range.lowerBound) to \(range.upperBound)"
        }
    }
}

extension Setting {
    static func text(
        _ name: String,
        _ path: any WritableKeyPath<Settings, String?> & Sendable,
        placeholder: String,
        _ meaning: String
    ) -> Setting {
        Setting(
            name: name,
            kind: .text(placeholder: placeholder),
            meaning: meaning,
            apply: { settings, value in
                if case .text(let text) = value { settings[keyPath: path] = text }
            },
            show: { $0[keyPath: path] ?? "" }
        )
    }

    static func toggle(
        _ name: String,
        _ path: any WritableKeyPath<Settings, Bool> & Sendable,
        _ meaning: String
    ) -> Setting {
        Setting(
            name: name,
            kind: .toggle,
            meaning: meaning,
            apply: { settings, value in
                if case .toggle(let toggle) = value { settings[keyPath: path] = toggle }
            },
            show: { "\($0[keyPath: path])" }
        )
    }

    static func number(
        _ name: String,
        _ path: any WritableKeyPath<Settings, Int> & Sendable,
        _ range: ClosedRange<Int>,
        unit: String,
        defaultNote: String? = nil,
        _ meaning: String
    ) -> Setting {
        Setting(
            name: name,
            kind: .number(range, unit: unit),
            meaning: meaning,
            defaultNote: defaultNote,
            apply: { settings, value in
                if case .number(let number) = value { settings[keyPath: path] = number }
            },
            show: { "\($0[keyPath: path])" }
        )
    }

    static func bytes(
        _ name: String,
        _ path: any WritableKeyPath<Settings, Int> & Sendable,
        _ range: ClosedRange<Int>,
        defaultNote: String? = nil,
        _ meaning: String
    ) -> Setting {
        number(name, path, range, unit: "bytes", defaultNote: defaultNote, meaning)
    }

    static func milliseconds(
        _ name: String,
        _ path: any WritableKeyPath<Settings, Duration> & Sendable,
        _ range: ClosedRange<Int>,
        _ meaning: String
    ) -> Setting {
        duration(name, path, range, unit: "milliseconds", of: .milliseconds(1), meaning)
    }

    static func microseconds(
        _ name: String,
        _ path: any WritableKeyPath<Settings, Duration> & Sendable,
        _ range: ClosedRange<Int>,
        _ meaning: String
    ) -> Setting {
        duration(name, path, range, unit: "microseconds", of: .microseconds(1), meaning)
    }

    private static func duration(
        _ name: String,
        _ path: any WritableKeyPath<Settings, Duration> & Sendable,
        _ range: ClosedRange<Int>,
        unit: String,
        of one: Duration,
        _ meaning: String
    ) -> Setting {
        Setting(
            name: name,
            kind: .number(range, unit: unit),
            meaning: meaning,
            apply: { settings, value in
                if case .number(let number) = value { settings[keyPath: path] = one * number }
            },
            show: { "\(Int(($0[keyPath: path] / one).rounded()))" }
        )
    }
}
