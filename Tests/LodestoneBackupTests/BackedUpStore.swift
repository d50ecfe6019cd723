// SPDX-License-Identifier: Apache-2.0
import LodestoneBackup
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import LodestoneText
import TestSupport
import Testing

/// The documents of each collection, by the order of their ids.
typealias Content = [String: [Document]]

/// A store under random writes, whose content at each sequence number is known.
final class BackedUpStore {
    static let names = ["a", "b", "c"]

    let directory: String
    let engine: Engine
    private(set) var contents: [UInt64: Content] = [0: [:]]
    private(set) var last: UInt64 = 0
    /// The time before each batch, in microseconds since 1970.
    private(set) var times: [UInt64: Int64] = [:]
    private var random: SeededGenerator
    private var version = 0

    init(_ directory: String, seed: UInt64) throws {
        self.directory = directory
        engine = try Engine.open(directory: directory)
        random = SeededGenerator(seed: seed)
    }

    func number(_ range: Range<Int>) -> Int { .random(in: range, using: &random) }

    private func document() -> Document {
        version += 1
        let id = DocumentID(stringLiteral: "d\(number(0..<40))")
        let degree = number(0..<20) == 0 ? number(60..<90) : number(0..<4)
        let edges = (0..<degree).map { index in
            Edge(["to", "from"][index % 2], to: DocumentID(stringLiteral: "d\(index)"), weight: 2)
        }
        return Document(
            id: id,
            vector: number(0..<4) == 0 ? nil : (0..<4).map { _ in Float(number(-9..<10)) },
            text: "version \(version) of \(id.string) \(["fox", "bird", "fish"][number(0..<3)])",
            metadata: ["version": .int(Int64(version)), "even": .bool(version % 2 == 0)],
            edges: edges
        )
    }

    /// Makes a random batch, and records the content after it.
    func step() async throws {
        let name = Self.names[number(0..<Self.names.count)]
        let before = SQLiteStore.microsecondsSince1970()
        let receipt: WriteReceipt?
        if contents[last]?[name] == nil {
            let text: TextIndexStrategy = name == "b" ? .fts5 : .postings
            receipt = try await engine.createCollection(
                name,
                CollectionOptions(dimension: 4, textStrategy: text)
            )
        } else {
            switch number(0..<20) {
            case 0: receipt = try await engine.dropCollection(name)
            case 1:
                receipt = try await engine.alterCollection(
                    name,
                    addIndexes: [MetadataIndex(path: ["version"])]
                )
            case 2..<6:
                let ids = (0..<number(1..<4)).map { _ in
                    DocumentID(stringLiteral: "d\(number(0..<40))")
                }
                receipt = try? await engine.dropMany(DropManyRequest(collection: name, ids: ids))
            case 6..<9:
                let source = DocumentID(stringLiteral: "d\(number(0..<40))")
                let edges = (0..<number(1..<80)).map { index in
                    SourcedEdge(
                        from: source,
                        Edge("x", to: DocumentID(stringLiteral: "d\(index)"), weight: Float(index))
                    )
                }
                // The source may be missing; then the batch is refused and changes nothing.
                receipt = try? await engine.indexMany(
                    IndexManyRequest(collection: name, documents: [], edges: edges)
                )
            default:
                var documents: [String: Document] = [:]
                for _ in 0..<number(1..<8) {
                    let document = document()
                    documents[document.id.string] = document
                }
                receipt = try await engine.indexMany(
                    IndexManyRequest(collection: name, documents: Array(documents.values))
                )
            }
        }
        guard let receipt, receipt.sequenceNumber > last else { return }
        last = receipt.sequenceNumber
        times[last] = before
        contents[last] = try await Self.content(of: engine)
    }

    static func content(of engine: Engine) async throws -> Content {
        var content: Content = [:]
        for name in names {
            var documents: [Document] = []
            var request = ScanRequest(collection: name, limit: 1_000)
            do throws(LodestoneError) {
                repeat {
                    let page = try await engine.scan(request)
                    documents += page.documents
                    request.cursor = page.nextCursor
                } while request.cursor != nil
            } catch {
                guard error.code == .notFound else { throw error }
                continue
            }
            content[name] = documents.map { document in
                var document = document
                document.edges.sort {
                    ($0.label, $0.target.string) < ($1.label, $1.target.string)
                }
                return document
            }.sorted { $0.id.string < $1.id.string }
        }
        return content
    }

    /// Backs the store up, as another process would.
    @discardableResult
    func backUp(
        to objects: any ObjectStore,
        wantsState: Bool = false,
        redoLimit: UInt64 = 1 << 30,
        context: CallContext = CallContext(timeout: .seconds(300))
    ) throws -> BackupWriter.Report {
        let store = try SQLiteStore(
            directory: directory,
            durability: .relaxed,
            analysis: FTS5Analysis()
        )
        defer { store.close() }
        let writer = try BackupWriter(
            store,
            in: directory,
            to: objects,
            redoLimit: redoLimit,
            context: context
        ) { _, _ in }
        return try writer.run(wantsState: wantsState)
    }

    /// Restores a state and returns its content.
    static func restored(
        from objects: any ObjectStore,
        _ point: BackupRestore.Point,
        in folder: TemporaryDirectory,
        _ name: String = "restored"
    ) async throws -> (report: BackupRestore.Report, content: Content) {
        let directory = "\(folder.path)/\(name)"
        let report = try BackupRestore(
            objects,
            point,
            analysis: FTS5Analysis(),
            context: CallContext(timeout: .seconds(300))
        ) { _, _ in }.run(to: directory, isOnlyVerified: false)
        let engine = try Engine.open(directory: directory)
        defer { engine.close() }
        #expect(engine.sequenceNumber == report.sequenceNumber)
        #expect(try await engine.verify().isClean)
        return (report, try await content(of: engine))
    }
}

/// The error of a call that must fail.
func failure<T>(_ body: () throws -> T) -> LodestoneError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? LodestoneError
    }
}
