// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneImport

struct ImportCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Brings documents, vectors and edges from files into a collection.",
        discussion: """
            Documents are JSON objects, one per line. The id is the field 'id'; text fields are \
            those of --text, or every string at the top level; an array of numbers named 'vector' \
            is the vector; all else is metadata, in which {"$timestamp": "2026-01-31T12:00:00Z"} is a \
            time and {"$double": "Infinity"} that number. Row i of --vectors belongs to line i. Edges \
            are lines of source, label, target and an optional weight, separated by tabs. A directory \
            with WordNet's data.noun is read as WordNet.

            A dump of 'export', and lines of 'scan --lines', come back as they were; the collection is \
            created with the dump's options if it doesn't exist. --dimension and --metric go before \
            them. Edges that a dump has in lines of their own are added to their document batch by batch.

            UTF-8 is read, plain or compressed with Zstandard. Other formats are refused with a command \
            that makes lines of them. A line that can't be used is left out, counted and shown with \
            its number; the exit code is 65 if nothing was written at all, or with --strict at the \
            first such line. When an id occurs twice, the later line stands.

            An import that was cut short goes on after the last acknowledged batch when it is run \
            again, if all that it wrote is still there; else it begins with the first line.

            lodestone import foods docs.jsonl.zst --text words,definition --vectors docs.f16
            lodestone import foods --edges edges.tsv.zst
            lodestone import words /usr/share/wordnet --create
            lodestone export papers papers.jsonl && lodestone import copy papers.jsonl
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
    @Flag(help: "Create the collection if it doesn't exist; a dump needs no --create.")
    var create = false
    @Option(
        help: """
            Of a collection that is created: elements of every vector. (default: the .npy file's)
            """
    )
    var dimension: Int?
    @Option(help: "Of a collection that is created: how near two vectors are. (default: cosine)")
    var metric: MetricName?
    @Option(help: "Documents or edges in one batch, which is written whole or not at all.")
    var batchSize = 1_000
    @Option(help: "Batches in flight at once.")
    var inFlight = 4
    @Flag(help: "Stop at the first bad line.") var strict = false
    @Option(help: "The file for the progress of the import. (default: FILE.lodestone-import)")
    var state: String?
    @Flag(inversion: .prefixedNo, help: "Go on where an earlier run was cut.") var resume = true

    func validate() throws {
        guard documents != nil || edges != nil else {
            throw ValidationError("Name a file of documents, or give --edges.")
        }
        guard documents != nil || vectors == nil else {
            throw ValidationError("--vectors needs the file of documents that they belong to.")
        }
        guard (1...ImportBatch.maxCount).contains(batchSize) else {
            throw ValidationError("--batch-size is \(batchSize); give 1 to 10,000.")
        }
        if let dimension, dimension < 0 {
            throw ValidationError("--dimension is \(dimension); at least 0.")
        }
        guard (1...64).contains(inFlight) else {
            throw ValidationError("--in-flight is \(inFlight); give 1 to 64.")
        }
    }

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let dump = try dumpHeader()
        guard dump == nil || text == nil && idField == "id" else {
            throw .invalid(
                .dump,
                "\(documents ?? "") is a dump, which has its text fields marked.",
                recovery: "Leave --text and --id-field out.",
                object: documents
            )
        }
        let description = try await describeOrCreate(client, dump)
        var tallies: [(name: String, tally: ImportTally)] = []
        if let documents {
            let tally = try await importDocuments(
                documents,
                isDump: dump != nil,
                description,
                client
            )
            tallies.append(("documents", tally))
        }
        if let edges {
            let job = ImportJob(self, input: edges, unit: "edges", description: description)
            let tally = try await job.run(client) { () throws(LodestoneError) in
                try EdgeReader(path: edges)
            }
            tallies.append(("edges", tally))
        }
        return CommandOutput(
            text: tallies.map(\.tally.text).joined(separator: "\n"),
            json: .object(
                [("collection", .string(collection))] + tallies.map { ($0.name, $0.tally.json) }
            ),
            status: tallies.contains { $0.tally.wroteNothing }
                ? LodestoneError.Code.invalidArgument.exitStatus : 0
        )
    }

    /// The first line of a dump, if the input is one.
    ///
    /// A pipe is not checked, because it can be read only once, by the import.
    private func dumpHeader() throws(LodestoneError) -> DumpHeader? {
        guard let documents, InputKind(documents) == .lines, isRegularFile(documents) else {
            return nil
        }
        return try DumpHeader.read(documents)
    }

    private func importDocuments(
        _ path: String,
        isDump: Bool,
        _ description: CollectionDescription,
        _ client: LodestoneClient
    ) async throws(LodestoneError) -> ImportTally {
        let job = ImportJob(
            self,
            input: path,
            unit: "documents",
            isDump: isDump,
            description: description
        )
        if InputKind(path) == .wordNet {
            guard vectors == nil else {
                throw .invalid(
                    .vectors,
                    "A directory of WordNet can't be combined with --vectors.",
                    recovery: "Import its documents from JSON lines in the vectors' order."
                )
            }
            return try await job.run(client) { () throws(LodestoneError) in
                try WordNetReader(directory: path)
            }
        }
        let mapping = DocumentMapping(
            id: idField,
            text: text?.split(separator: ",").map(String.init)
        )
        let dimension = description.options.dimension
        return try await job.run(client, textFields: mapping.text) { () throws(LodestoneError) in
            var file: VectorFile?
            if let vectors { file = try VectorFile(path: vectors, dimension: dimension) }
            return try DocumentReader(path: path, mapping: mapping, vectors: file)
        }
    }

    private func describeOrCreate(_ client: LodestoneClient, _ dump: DumpHeader?)
        async throws(LodestoneError) -> CollectionDescription
    {
        let target = client.collection(collection)
        do {
            return try await target.describe()
        } catch {
            guard create || dump != nil, error.code == .notFound else { throw error }
        }
        var options = dump?.options ?? CollectionOptions(dimension: 0)
        if let dimension {
            options.dimension = dimension
        } else if let vectors, dump == nil || vectors.hasSuffix(".npy") {
            options.dimension = try VectorFile(path: vectors).dimension
        }
        if let metric { options.metric = metric.metric }
        _ = try await client.createCollection(collection, options)
        return try await target.describe()
    }
}
