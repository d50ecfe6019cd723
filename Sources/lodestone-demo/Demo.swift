// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneImport

/// A demonstration of a server, with results that a reader can judge.
///
/// It starts a server on an empty directory, fills it with real data through the Swift client, and
/// runs queries.
@main
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lodestone-demo",
        abstract: "Fills a new server and queries it."
    )

    @Option(help: "An empty directory for the store; it is left as it is.") var directory: String
    @Option(help: "The folder with the animals and foods.")
    var data = "Sources/lodestone-demo/Data"
    @Option(help: "The folder with WordNet's database.")
    var wordnet = WordNetReader.debianDirectory
    @Option(help: "The folder with Fashion-MNIST.")
    var fashion = "/usr/share/datasets/fashion-mnist"
    @Option(help: "Test images to classify, 1 to 10,000.") var images = 1_000

    func validate() throws {
        guard (1...10_000).contains(images) else {
            throw ValidationError("--images is \(images); 1 to 10,000 are there.")
        }
    }

    func run() async throws {
        let start = ContinuousClock.now
        let server = try ServerProcess(directory: directory)
        do {
            let client = try await server.connect()
            try await WordNetPart(directory: wordnet).run(client)
            try await AnimalsAndFoodsPart(directory: data).run(client)
            try await FashionPart(directory: fashion, images: images).run(client)
            try await summarize(client)
            await client.close()
            try server.stop()
        } catch {
            server.abandon()
            if let error = error as? LodestoneError {
                say("\n\(error.message)\n\(error.recovery) [\(error.code.name) \(error.reason)]")
                throw ExitCode.failure
            }
            throw error
        }
        say("\nThe demo took \(seconds(.now - start)); the server has stopped.")
        say(Self.howToGoOn)
    }

    private func summarize(_ client: LodestoneClient) async throws {
        heading("The server's collections now")
        for collection in try await client.collections() {
            say(
                "\(pad(collection.name, 18)) \(grouped(collection.documents)) documents, "
                    + "\(grouped(collection.vectors)) vectors, \(grouped(collection.edges)) edges"
            )
        }
    }

    private static let howToGoOn = """

        To go on by hand, start a server in one terminal:
          .build/release/lodestoned --data ~/lodestone-data
        and in another:
          .build/release/lodestone import words /usr/share/wordnet --create
          .build/release/lodestone search words 'frozen dessert'
          .build/release/lodestone search words --syntax '"hot dog" OR frankfurt*'
          .build/release/lodestone walk words n02084071 --label hyponym --depth 3
          .build/release/lodestone import foods Sources/lodestone-demo/Data/docs.jsonl.zst \\
              --text words,definition --vectors Sources/lodestone-demo/Data/docs.f16 \\
              --dimension 384 --create
          .build/release/lodestone search foods 'iced tea is a cooling drink' \\
              --vector-file Sources/lodestone-demo/Data/queries.f16 --row 8
        README.md has a program in Swift and one in Python.
        """
}
