// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient

struct EraseCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase",
        abstract: "Erases dropped documents from all files of the store.",
        discussion: """
            Dropped and replaced documents can't be found, but stay for a while in the free space of \
            the store's files. Writes wait while the database is written again. Snapshots stay as \
            they are; those that may have such documents are named.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The collection; without one, all of them.") var collection: String?

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let receipt = try await client.erase(collection, deadline: connection.longDeadline)
        let scope = collection.map { " from '\($0)'" } ?? ""
        var lines = [
            "No file has documents that were dropped or replaced\(scope) up to sequence number "
                + "\(receipt.sequenceNumber)."
        ]
        if !receipt.snapshots.isEmpty {
            let names = receipt.snapshots.joined(separator: ", ")
            lines.append("These snapshots may have it: \(names).")
        }
        return CommandOutput(
            text: lines.joined(separator: "\n"),
            json: .object([
                ("sequenceNumber", .int(receipt.sequenceNumber)),
                ("snapshots", .array(receipt.snapshots.map { .string($0) })),
            ])
        )
    }
}
