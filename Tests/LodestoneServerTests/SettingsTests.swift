// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import TestSupport
import Testing
import lodestoned

@Suite("Settings")
struct SettingsTests {
    @Test("A setting comes from the flag, the variable, the file or the default, in this order")
    func precedence() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(
            "lodestone.json",
            #"{"maxBatch": 1, "maxLimit": 1, "maxDepth": 1, "durability": "relaxed"}"#
        )
        let settings = try SettingsReader(
            flags: ["maxBatch": "3"],
            environment: ["LODESTONE_MAX_BATCH": "2", "LODESTONE_MAX_LIMIT": "2"],
            file: file
        ).read()
        #expect(settings.limits.maxBatch == 3)
        #expect(settings.limits.maxLimit == 2)
        #expect(settings.limits.maxDepth == 1)
        #expect(settings.durability == .relaxed)
        #expect(settings.limits.maxEF == Limits.standard.maxEF)
    }

    @Test(
        "Every setting can be set by flag, by variable and in the file",
        arguments: Setting.all.map(\.name)
    )
    func everySource(name: String) throws {
        let setting = try #require(Setting.all.first { $0.name == name })
        let (text, json) = sample(of: setting)
        let directory = try TemporaryDirectory()
        let file = try directory.write("lodestone.json", "{\"\(name)\": \(json)}")

        let flag = setting.kind == .toggle ? [setting.flag] : [setting.flag, text]
        let command = try Lodestoned.parse(flag)
        #expect(setting.show(try command.settingsReader(environment: [:]).read()) == text)
        let fromVariable = try SettingsReader(
            flags: [:],
            environment: [setting.variable: text],
            file: nil
        ).read()
        #expect(setting.show(fromVariable) == text)
        let fromFile = try SettingsReader(flags: [:], environment: [:], file: file).read()
        #expect(setting.show(fromFile) == text)
    }

    @Test("A setting of the wrong type or out of range is refused with its source and range")
    func refusal() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("lodestone.json", #"{"maxBatch": "many"}"#)
        let readers = [
            SettingsReader(flags: ["maxBatch": "many"], environment: [:], file: nil),
            SettingsReader(flags: [:], environment: ["LODESTONE_MAX_BATCH": "many"], file: nil),
            SettingsReader(flags: [:], environment: [:], file: file),
            SettingsReader(flags: ["maxBatch": "10001"], environment: [:], file: nil),
        ]
        let sources = [
            "--max-batch: 'many'", "LODESTONE_MAX_BATCH: 'many'", "lodestone.json", "10001",
        ]
        for (reader, source) in zip(readers, sources) {
            let error = #expect(throws: LodestoneError.self) { try reader.read() }
            #expect(error?.message.contains(source) == true)
            #expect(error?.recovery.contains("from 1 to 10000") == true)
        }
    }

    @Test(
        "A settings file with an unknown key, a nested value or invalid JSON is refused",
        arguments: [
            #"{"maxBtach": 1}"#, #"{"maxBatch": {"a": 1}}"#, #"{"maxBatch": null}"#, "[]", "{",
        ]
    )
    func badFile(text: String) throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("lodestone.json", text)
        #expect(throws: LodestoneError.self) {
            try SettingsReader(flags: [:], environment: [:], file: file).read()
        }
    }

    @Test("Every setting is in CONFIGURATION.md with its default and range")
    func reference() throws {
        let text = try String(contentsOf: deploy("CONFIGURATION.md"), encoding: .utf8)
        let lines = Set(text.split(separator: "\n").map(String.init))
        for setting in Setting.all {
            let standard = setting.defaultText.isEmpty ? "none" : setting.defaultText
            let row =
                "| `\(setting.name)` | `\(setting.flag)` | `\(setting.variable)` | \(standard) "
                + "| \(setting.range) | \(setting.meaning) |"
            #expect(lines.contains(row), "deploy/CONFIGURATION.md lacks: \(row)")
        }
        let rows = lines.filter { $0.hasPrefix("| `") }
        #expect(rows.count == Setting.all.count, "deploy/CONFIGURATION.md lists an unknown setting")
    }

    @Test("The example settings file is read")
    func example() throws {
        let settings = try SettingsReader(
            flags: [:],
            environment: [:],
            file: deploy("lodestone.json").path
        ).read()
        #expect(settings.data == "/var/lib/lodestone")
    }

    private func deploy(_ name: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("deploy/\(name)")
    }

    /// A value that is not the default, as text and in JSON.
    private func sample(of setting: Setting) -> (text: String, json: String) {
        switch setting.kind {
        case .text where ["listen", "http"].contains(setting.name):
            ("127.0.0.1:1", #""127.0.0.1:1""#)
        case .text where setting.name == "socketMode": ("660", #""660""#)
        case .text: ("/somewhere", #""/somewhere""#)
        case .choice(let words): (words[words.count - 1], "\"\(words[words.count - 1])\"")
        case .toggle: ("true", "true")
        case .number(let range, _): ("\(range.lowerBound)", "\(range.lowerBound)")
        }
    }
}
