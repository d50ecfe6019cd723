// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneCore

/// The command line: each subcommand makes one call of the client and prints the result.
@main
struct Lodestone: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lodestone",
        abstract: "Fills, queries and maintains a Lodestone server.",
        discussion: """
            Every command but 'backup', 'snapshot restore', 'snapshot verify' and 'token' talks to \
            the server at --address. With --json it prints one JSON object \
            on standard output, also when it fails; without, tables and sentences.

            Exit codes: 0 done, 64 wrong usage, 65 the server refuses the request, or an import \
            wrote nothing (lines left out next to others that are written are shown, and are no \
            failure without --strict), 66 not found, \
            69 no server, 70 a fault of Lodestone, 74 damaged data, 75 try again later, 77 not \
            allowed.
            """,
        version: LodestoneVersion.release,
        subcommands: [
            PingCommand.self, CollectionsCommand.self, CreateCommand.self, ImportCommand.self,
            ExportCommand.self, SearchCommand.self, WalkCommand.self, GetCommand.self,
            EdgesCommand.self,
            ScanCommand.self, CountCommand.self, StatsCommand.self, DropCommand.self,
            CompactCommand.self,
            EraseCommand.self,
            IndexCommand.self, SnapshotCommand.self, BackupCommand.self,
            VerifyCommand.self, TokenCommand.self, SlowCommand.self, TopCommand.self,
        ]
    )
}
