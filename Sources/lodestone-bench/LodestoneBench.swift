// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

/// Measures Lodestone.
///
/// Build it with `-c release`. Compare only figures of the same minutes.
@main
struct LodestoneBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lodestone-bench",
        abstract: "Measures Lodestone: a real server over loopback, or the engine in process.",
        subcommands: [
            Ingest.self, SearchBench.self, HybridBench.self, Reopen.self, CompactionBench.self,
            BurstsBench.self,
            RPC.self,
            GraphBench.self, AnnBench.self, RecallBench.self, FlatBench.self, TextBench.self,
            FuzzBench.self,
            RelevanceBench.self, LoadBench.self, ScaleBench.self,
            Plot.self,
        ]
    )
}

/// The options of every measurement.
struct CommonOptions: ParsableArguments {
    @Flag(help: "One JSON object a line instead of a table.")
    var json = false

    @Flag(name: .customLong("in-process"), help: "Run the engine in this process, without a wire.")
    var inProcess = false

    @Flag(help: "Encrypt the connections to the server.")
    var tls = false

    @Option(help: "Where the store is made; a fresh temporary directory unless given.")
    var directory: String?

    @Option(help: "The server's program; unless given, the lodestoned next to this one.")
    var server: String?
}
