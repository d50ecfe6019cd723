// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneImport

struct ImportCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Brings documents, vectors and edges from files into a collection.",
        discussion: """
            Documents are JSON objects, one a line. The id is the field 'id'; text fields are \
            those of --text, or every string at the top level; an array of numbers named 'vector' \
            is the vector; the rest is metadata. Row i of --vectors belongs to line i. Edges are \
            lines of source, label, target and an optional weight, separated by tabs. Files that \
            end in .zst are decompressed. A directory with WordNet's data.noun is read as WordNet.

            A line that can't be used is left out, counted and shown with its number. An import \
            that was cut short goes on after the last acknowledged batch when it is run again.

            lodestone import foods docs.jsonl.zst --text words,definition --vectors docs.f16
            lodestone import foods --edges edges.tsv.zst
            lodestone import words /usr/share/wordnet --create
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The collection.") var collection: String
    @Argument(help: "JSON lines, or a directory of WordNet.", completion: .file())
    var documents: String?
    @Option(help: "A .npy, .f16 or .f32 file of vectors.", completion: .file())
    var vectors: String?
    @Option(help: "Tab-separated edges, imported after the documents.", completion: .file())
    var edges: String?
    @Option(help: "The field that is the id.") var idField = "id"
    @Option(help: "The fields that are text, separated by commas.") var text: String?
    @Flag(help: "Create the collection if it doesn't exist.") var create = false
    @Option(help: "With --create: elements of every vector. (default: the .npy file's)")
    var dimension: Int?
    @Option(help: "With --create: how near two vectors are.") var metric = MetricName.cosine
    @Option(help: "Documents or edges in one batch, which is written whole or not at all.")
    var batchSize = 1_000
    @Option(help: "Batches under way at once. 1 keeps the order when an id occurs twice.")
    var inFlight = 4
    @Flag(help: "Stop at the first bad line.") var strict = false
    @Option(help: "Where to keep how far the import is. (default: FILE.lodestone-import)")
    var state: String?
    @Flag(inversion: .prefixedNo, help: "Go on where an earlier run was cut.") var resume = true

    func validate() throws {
        guard documents != nil || edges != nil else {
            throw ValidationError("Name a file of documents, or give --edges.")
        }
        guard documents != nil || vectors == nil else {
            throw ValidationError("--vectors needs the file of documents that they belong to.")
        }
        guard (1...10_000).contains(batchSize) else {
            throw ValidationError("--batch-size is \(batchSize); 1 to 10,000 are good.")
        }
        guard (1...64).contains(inFlight) else {
            throw ValidationError("--in-flight is \(inFlight); 1 to 64 are good.")
        }
    }

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> Answer {
        let description = try await describeOrCreate(client)
        var people: [String] = []
        var members: [(String, JSON)] = [("collection", .string(collection))]
        if let documents {
            let tally = try await importDocuments(documents, description, client)
            people.append(tally.people)
            members.append(("documents", tally.json))
        }
        if let edges {
            let job = ImportJob(self, input: edges, unit: "edges", description: description)
            let tally = try await job.run(try EdgeReader(path: edges), client)
            people.append(tally.people)
            members.append(("edges", tally.json))
        }
        return Answer(people: people.joined(separator: "\n"), json: .object(members))
    }

    private func importDocuments(
        _ path: String,
        _ description: CollectionDescription,
        _ client: LodestoneClient
    ) async throws(LodestoneError) -> ImportTally {
        let job = ImportJob(self, input: path, unit: "documents", description: description)
        if InputKind(path) == .wordNet {
            guard vectors == nil else {
                throw .invalid(
                    "VECTORS",
                    "A directory of WordNet can't be combined with --vectors.",
                    recovery: "Import its documents from JSON lines in the vectors' order."
                )
            }
            return try await job.run(try WordNetReader(directory: path), client)
        }
        let mapping = DocumentMapping(
            id: idField,
            text: text?.split(separator: ",").map(String.init)
        )
        var file: VectorFile?
        if let vectors {
            file = try VectorFile(path: vectors, dimension: description.options.dimension)
        }
        return try await job.run(
            try DocumentReader(path: path, mapping: mapping, vectors: file),
            client
        )
    }

    private func describeOrCreate(_ client: LodestoneClient) async throws(LodestoneError)
        -> CollectionDescription
    {
        let target = client.collection(collection)
        do {
            return try await target.describe()
        } catch {
            guard create, error.code == .notFound else { throw error }
        }
        var size = dimension ?? 0
        if let vectors, dimension == nil { size = try VectorFile(path: vectors).dimension }
        _ = try await client.createCollection(
            collection,
            CollectionOptions(dimension: size, metric: metric.metric)
        )
        return try await target.describe()
    }
}
