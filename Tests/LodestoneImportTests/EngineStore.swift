// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import LodestoneImport
import LodestoneStorage
import LodestoneText
import Synchronization
import TestSupport

/// A store on disk with one collection, and the way of an import to it, which can be cut.
final class EngineStore: Sendable {
    static let collection = "c"
    static let options = CollectionOptions(dimension: 2)

    /// How a batch is cut off from its reply, and all after it.
    enum Cut: CaseIterable {
        /// It never arrives.
        case lost
        /// It is written, and the reply doesn't come back.
        case replyLost
        /// The task of the run is cancelled while it is under way.
        case cancelled
    }

    private struct Way {
        var sent = 0
        var cut: (after: Int, how: Cut)?
        var snapshot: (after: Int, name: String)?
        var snapshotUnderWay: Task<Void, any Error>?
        var whenCancelled: @Sendable () -> Void = {}
    }

    private let directory: TemporaryDirectory
    private let opened: Mutex<(name: String, engine: Engine)>
    private let way = Mutex(Way())
    /// Whether batches arrive in another order than they are sent in, and pieces of batches late.
    private let isShuffled: Bool

    init(isShuffled: Bool = false) async throws {
        directory = try TemporaryDirectory()
        self.isShuffled = isShuffled
        opened = Mutex(("store", try Self.open(directory.path + "/store")))
        try await create()
    }

    deinit { engine.close() }

    private static func open(_ path: String) throws(LodestoneError) -> Engine {
        try Engine.open(
            directory: path,
            // A process that is killed loses nothing of it, and no power is cut here.
            options: Engine.Options(
                durability: .relaxed,
                compaction: CompactionPolicy(minimumChanges: .max)
            )
        )
    }

    var engine: Engine { opened.withLock { $0.engine } }

    func description() throws(LodestoneError) -> CollectionDescription {
        try engine.describe(Self.collection)
    }

    /// Makes the collection as it was at first.
    func empty() async throws {
        try await drop()
        try await create()
    }

    func create() async throws {
        _ = try await engine.createCollection(Self.collection, Self.options)
    }

    func drop() async throws { _ = try await engine.dropCollection(Self.collection) }

    func write(_ documents: [Document], edges: [SourcedEdge] = []) async throws {
        let request = IndexManyRequest(
            collection: Self.collection,
            documents: documents,
            edges: edges
        )
        _ = try await engine.indexMany(request)
    }

    /// Closes the store and opens it again, as another process would.
    func reopen() throws {
        try opened.withLock { opened in
            opened.engine.close()
            opened.engine = try Self.open("\(directory.path)/\(opened.name)")
        }
    }

    /// Puts the store of a snapshot in place of this one.
    func restore(_ snapshot: String) throws {
        try opened.withLock { opened in
            opened.engine.close()
            let archive = "\(directory.path)/\(opened.name)/snapshots/\(snapshot).lodestone"
            opened.name = snapshot
            let path = "\(directory.path)/\(opened.name)"
            _ = try SnapshotArchive.restore(
                archive,
                to: path,
                analysis: FTS5Analysis(),
                context: CallContext()
            )
            opened.engine = try Self.open(path)
        }
    }

    /// Every document, by id.
    func documents() async throws -> [DocumentID: Document] {
        var all: [DocumentID: Document] = [:]
        var request = ScanRequest(collection: Self.collection, limit: 1_000)
        repeat {
            let page = try await engine.scan(request)
            for document in page.documents { all[document.id] = document }
            request.cursor = page.nextCursor
        } while request.cursor != nil
        return all
    }

    // MARK: The way of an import

    /// Cuts the way after so many batches; `cancel` ends the run.
    func cut(after batches: Int, _ how: Cut, cancel: @escaping @Sendable () -> Void = {}) {
        way.withLock { way in
            way.sent = 0
            way.cut = (batches, how)
            way.whenCancelled = cancel
        }
    }

    /// Has a snapshot made after so many batches, while the next ones wait.
    func makeSnapshot(_ name: String, after batches: Int) {
        way.withLock { $0.snapshot = (batches, name) }
    }

    /// Lets everything through again.
    func restoreWay() async {
        let snapshot = way.withLock { way in
            defer { way = Way() }
            return way.snapshotUnderWay
        }
        _ = await snapshot?.result
    }

    var sentBatches: Int { way.withLock { $0.sent } }

    @Sendable func send(_ batch: ImportBatch, _ id: RequestID) async throws(LodestoneError)
        -> WriteReceipt
    {
        if isShuffled {
            let isPiece = id.low >> 34 != 0
            for _ in 0..<(isPiece ? 200 : Int.random(in: 0..<4)) { await Task.yield() }
        }
        let (way, position) = way.withLock { way in
            way.sent += 1
            return (way, way.sent - 1)
        }
        if let cut = way.cut, position >= cut.after {
            switch cut.how {
            case .cancelled: way.whenCancelled()
            case .replyLost where position == cut.after: _ = try await apply(batch, id)
            default: break
            }
            if cut.how != .cancelled {
                throw LodestoneError(
                    .unavailable,
                    reason: .connectionLost,
                    "It was cut.",
                    recovery: ""
                )
            }
        }
        _ = await way.snapshotUnderWay?.result
        let receipt = try await apply(batch, id)
        if let snapshot = way.snapshot, position == snapshot.after {
            let engine = engine
            self.way.withLock { way in
                way.snapshotUnderWay = Task { _ = try await engine.createSnapshot(snapshot.name) }
            }
        }
        return receipt
    }

    private func apply(_ batch: ImportBatch, _ id: RequestID) async throws(LodestoneError)
        -> WriteReceipt
    {
        let request = IndexManyRequest(
            collection: Self.collection,
            documents: batch.documents,
            edges: batch.edges
        )
        return try await engine.indexMany(request, requestID: id)
    }

    @Sendable func listEdges(_ id: DocumentID, _ cursor: EdgeCursor?) async throws(LodestoneError)
        -> ListEdgesResponse
    {
        try await engine.listEdges(
            ListEdgesRequest(collection: Self.collection, id: id, limit: 7, cursor: cursor)
        )
    }

    @Sendable func get(_ ids: [DocumentID], _ withEdges: Bool) async throws(LodestoneError)
        -> [Document]
    {
        try await engine.get(
            GetRequest(collection: Self.collection, ids: ids, include: withEdges ? .edges : [])
        )
    }
}
