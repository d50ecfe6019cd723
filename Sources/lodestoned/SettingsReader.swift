// SPDX-License-Identifier: Apache-2.0
import Configuration
import Foundation
package import LodestoneCore

/// Reads the settings from all their sources.
///
/// Flags override the environment, which overrides the configuration file, which overrides the
/// defaults.
package struct SettingsReader: Sendable {
    private struct Layer {
        let snapshot: any ConfigSnapshot
        let key: (Setting) -> AbsoluteConfigKey
        let source: (Setting) -> String
    }

    /// The values given as flags, by the names of their settings.
    package var flags: [String: String]
    /// The environment.
    package var environment: [String: String]
    /// The path of the configuration file.
    package var file: String?

    /// Creates a reader.
    package init(flags: [String: String], environment: [String: String], file: String?) {
        self.flags = flags
        self.environment = environment
        self.file = file
    }

    /// Reads every setting.
    ///
    /// - Throws: `BAD_SETTING` with the value, its source, and the allowed values.
    package func read() throws(LodestoneError) -> Settings {
        var layers = [try flagLayer(), environmentLayer()]
        if let file { layers.append(try fileLayer(file)) }
        var settings = Settings()
        for setting in Setting.all {
            for layer in layers {
                guard let value = try value(of: setting, in: layer) else { continue }
                try setting.set(value, in: &settings, source: layer.source(setting))
                break
            }
        }
        return settings
    }

    private func value(of setting: Setting, in layer: Layer) throws(LodestoneError)
        -> Setting.Value?
    {
        let type: ConfigType =
            switch setting.kind {
            case .text, .choice: .string
            case .toggle: .bool
            case .number: .int
            }
        do {
            let found = try layer.snapshot.value(forKey: layer.key(setting), type: type)
            switch found.value?.content {
            case .string(let text): return .text(text)
            case .bool(let toggle): return .toggle(toggle)
            case .int(let number): return .number(number)
            default: return nil
            }
        } catch {
            let text = try? layer.snapshot.value(forKey: layer.key(setting), type: .string)
            guard case .string(let text) = text?.value?.content else {
                throw setting.wrong("a value of another type", layer.source(setting))
            }
            throw setting.wrong("'\(text)'", layer.source(setting))
        }
    }

    private func flagLayer() throws(LodestoneError) -> Layer {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for setting in Setting.all {
            guard let text = flags[setting.name] else { continue }
            let content: ConfigContent =
                switch try setting.value(from: text, source: setting.flag) {
                case .text(let text): .string(text)
                case .toggle(let toggle): .bool(toggle)
                case .number(let number): .int(number)
                }
            values[AbsoluteConfigKey([setting.name])] = ConfigValue(content, isSecret: false)
        }
        return Layer(
            snapshot: InMemoryProvider(name: "flags", values: values).snapshot(),
            key: { AbsoluteConfigKey([$0.name]) },
            source: { $0.flag }
        )
    }

    private func environmentLayer() -> Layer {
        Layer(
            snapshot: EnvironmentVariablesProvider(environmentVariables: environment).snapshot(),
            key: { AbsoluteConfigKey(["lodestone", $0.name]) },
            source: { $0.variable }
        )
    }

    private func fileLayer(_ file: String) throws(LodestoneError) -> Layer {
        let snapshot: JSONSnapshot
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: file))
            try checkKeys(of: data, file)
            snapshot = try JSONSnapshot(
                data: data.bytes,
                providerName: file,
                parsingOptions: .default
            )
        } catch let error as LodestoneError {
            throw error
        } catch {
            throw bad(file, "can't be read or is not JSON")
        }
        return Layer(
            snapshot: snapshot,
            key: { AbsoluteConfigKey([$0.name]) },
            source: { "\($0.name) in \(file)" }
        )
    }

    /// Refuses unknown keys, because a misspelled key would silently leave a default.
    private func checkKeys(of data: Data, _ file: String) throws {
        guard let object = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw bad(file, "is not a JSON object")
        }
        for (key, value) in object.sorted(by: { $0.key < $1.key }) {
            guard Setting.named(key) != nil else {
                throw bad(file, "sets '\(key)', which is no setting")
            }
            guard value is String || value is NSNumber else {
                throw bad(file, "gives '\(key)' a value that is no text, number, true or false")
            }
        }
    }

    private func bad(_ file: String, _ problem: String) -> LodestoneError {
        .badSetting(
            "The configuration file '\(file)' \(problem).",
            "deploy/CONFIGURATION.md lists the settings; lodestoned --check shows them.",
            file
        )
    }
}
