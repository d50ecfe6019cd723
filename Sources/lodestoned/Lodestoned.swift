// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser
import Foundation
import LodestoneCore
import Logging

/// The server program: reads its settings and serves a store until a signal ends it.
@main
package struct Lodestoned: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "lodestoned",
        abstract: "Serves a Lodestone store.",
        discussion: """
            Every setting is a flag, an environment variable (--max-in-flight: \
            LODESTONE_MAX_IN_FLIGHT) and a key of the configuration file (maxInFlight). The first \
            in this list wins. deploy/CONFIGURATION.md is the reference.

            Once it serves, 'listening on ADDRESS' is written to standard output. SIGTERM and \
            SIGINT let the requests in flight finish; a second one ends the program at once.
            """,
        version: LodestoneVersion.release
    )

    @Option(help: ArgumentHelp("The configuration file, in JSON.", valueName: "file"))
    var config: String?
    @Flag(help: "Check the settings, show them, and exit.")
    var check = false
    @OptionGroup(title: "General") var general: GeneralFlags
    @OptionGroup(title: "Connections") var connections: ConnectionFlags
    @OptionGroup(title: "Requests") var requests: RequestFlags

    package init() {}

    package func run() async throws {
        let status: Int32
        do throws(LodestoneError) {
            let reader = settingsReader(environment: ProcessInfo.processInfo.environment)
            let settings = try reader.read()
            try settings.check()
            _ = try settings.serverConfiguration()
            if check {
                for setting in Setting.all { print("\(setting.name) = \(setting.show(settings))") }
                return
            }
            status = await Service(settings: settings, reader: reader).run()
        } catch {
            status = Self.report(error, status: ExitStatus.configuration)
        }
        throw ExitCode(status)
    }

    /// A reader of the settings from flags, the environment and the file.
    package func settingsReader(environment: [String: String]) -> SettingsReader {
        var flags: [String: String] = [:]
        for group in [general.values, connections.values, requests.values] {
            for (name, value) in group { flags[name] = value }
        }
        return SettingsReader(
            flags: flags,
            environment: environment,
            file: config ?? environment["LODESTONE_CONFIG"]
        )
    }

    /// Prints on standard error, in one line, the reason why the program ends.
    static func report(_ error: LodestoneError, status: Int32) -> Int32 {
        let line = "lodestoned: \(error.message) \(error.recovery)\n"
        FileHandle.standardError.write(Data(line.utf8))
        return status
    }
}

/// The exit statuses for a supervisor, with the numbers of sysexits.h.
enum ExitStatus {
    /// The settings or the token file are wrong.
    static let configuration: Int32 = 78
    /// The directory of the store can't be created.
    static let cannotCreate: Int32 = 73
    /// The store can't be read or written, or is damaged.
    static let inputOutput: Int32 = 74
    /// Any other failure, for example a taken address, or a store that another process keeps
    /// locked.
    static let unavailable: Int32 = 69
}
