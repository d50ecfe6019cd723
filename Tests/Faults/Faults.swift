// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient

/// Causes faults under a server, in many runs, and checks that no acknowledged write is lost.
@main
struct Faults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lodestone-faults",
        abstract: "Breaks things under a server, and checks that nothing acknowledged is lost.",
        discussion: """
            Every acknowledged batch must be there whole after the fault: rows, vectors, words and \
            edges. A batch whose reply never came may be there or not, but whole or not at all.
            """,
        subcommands: [
            Kill.self, PowerCut.self, IOErrors.self, CrashStates.self, BitFlips.self,
            ExactlyOnce.self, DiskFull.self, Processes.self, Model.self, Backup.self,
            Ship.self, Erasure.self,
            Inspect.self, FilterText.self,
        ],
        defaultSubcommand: Kill.self
    )

    static let collection = "faults"

    /// How long a reply is waited for.
    ///
    /// A busy machine is no finding, and a server that hangs is one.
    static let timeout = Duration.seconds(240)

    /// A client that tries every call once: the test is about the outcome of that attempt.
    static func connect(_ endpoint: String) async throws(LodestoneError) -> LodestoneClient {
        var configuration = LodestoneClient.Configuration(endpoint: try Endpoint(endpoint))
        configuration.retry = .none
        configuration.connectTimeout = timeout
        configuration.deadline = timeout
        configuration.clientName = "lodestone-faults"
        return try await LodestoneClient.connect(configuration)
    }
}
