// SPDX-License-Identifier: Apache-2.0
package import Foundation
import LodestoneJSON
package import Logging

/// Writes each line of the log as one JSON object, for collectors of logs.
///
/// The members are `time`, `level`, `label`, `message` and those of the metadata.
package struct JSONLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    private let label: String
    private let write: @Sendable (Data) -> Void

    /// - Parameters:
    ///   - label: The name of the logger.
    ///   - level: The least important level that is written.
    ///   - write: Gets each line with its end.
    package init(
        label: String,
        level: Logger.Level,
        write: @escaping @Sendable (Data) -> Void = { FileHandle.standardError.write($0) }
    ) {
        self.label = label
        self.write = write
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var members: [String: String] = [:]
        for (name, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }) {
            members[name] = "\(value)"
        }
        let now = Date()
        members["time"] = now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        members["level"] = event.level.rawValue
        members["label"] = label
        members["message"] = "\(event.message)"
        let ordered = members.sorted { $0.key < $1.key }
        let line = JSON.object(ordered.map { ($0.key, .string($0.value)) }).text
        write(Data((line + "\n").utf8))
    }
}
