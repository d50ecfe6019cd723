// SPDX-License-Identifier: Apache-2.0
import CSQLite
import Foundation
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import LodestoneText
import Synchronization
import TestSupport
import Testing

@Suite("Hub")
struct HubTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private var path: String { directory.path + "/store" }

    private func open(_ edgesInRow: EdgesInRow = EdgesInRow(), maxEdges: Int? = nil) throws
        -> Engine
    {
        var options = Engine.Options(compaction: CompactionPolicy(minimumChanges: .max))
        options.edgesInRow = edgesInRow
        if let maxEdges { options.limits.maxEdges = maxEdges }
        return try Engine.open(directory: path, options: options)
    }

    private func filled(_ edges: [Edge]) async throws -> Engine {
        let engine = try open()
        try await engine.createCollection("c", CollectionOptions(dimension: 0))
        _ = try await engine.index("c", [Document(id: "hub", text: "words", edges: edges)])
        return engine
    }

    private func edges(_ range: Range<Int>, weight: Float = 1) -> [Edge] {
        range.map { number in
            Edge(
                number % 3 == 0 ? "cites" : "to",
                to: DocumentID(trusted: "t\(1_000_000 + number)"),
                weight: weight
            )
        }
    }

    private func add(_ edges: [Edge], to engine: Engine) async throws {
        _ = try await engine.index("c", [], edges: edges.map { SourcedEdge(from: "hub", $0) })
    }

    private func edges(_ engine: Engine) async throws -> [Edge] {
        try await engine.get(GetRequest(collection: "c", ids: ["hub"]))[0].edges
    }

    /// Runs statements without the engine, and returns the number in the last row.
    @discardableResult
    private func execute(_ sql: String) throws -> Int {
        var database: OpaquePointer?
        try #require(sqlite3_open(path + "/lodestone.db", &database) == SQLITE_OK)
        sqlite3_busy_timeout(database, 10_000)
        defer { sqlite3_close(database) }
        var number = 0
        let code = sqlite3_exec(
            database,
            sql,
            { number, _, values, _ in
                guard let text = values?[0] else { return 0 }
                number?.assumingMemoryBound(to: Int.self).pointee = Int(String(cString: text)) ?? 0
                return 0
            },
            &number,
            nil
        )
        try #require(code == SQLITE_OK, "\(String(cString: sqlite3_errmsg(database)))")
        return number
    }

    @Test("A hub keeps its edges in the order of writing, and rewritten edges keep their position")
    func order() async throws {
        var engine = try await filled(edges(0..<60))
        try await add(edges(100..<110), to: engine)
        try await add(edges(90..<95) + edges(3..<4, weight: 7), to: engine)
        var expected = edges(0..<60) + edges(100..<110) + edges(90..<95)
        expected[3].weight = 7
        #expect(try await edges(engine) == expected)
        engine.close()
        engine = try open()
        #expect(try await edges(engine) == expected)
        let walk = Walk(from: ["hub"], depth: 1)
        #expect(try await engine.walk("c", walk).reached.isEmpty)
        #expect(try engine.describe("c").edges == 75)
        #expect(try execute("SELECT count(*) FROM edges_1") == 76)
        engine.close()
    }

    @Test("A new edge of a hub costs as much as one of a small document, in database and log")
    func cost() async throws {
        func written(_ body: () async throws -> Void) async throws -> (wal: Int, log: Int) {
            try execute("PRAGMA wal_checkpoint(TRUNCATE)")
            try await body()
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path + "/lodestone.db-wal"))
            return (
                bytes.count,
                try execute("SELECT length(detail) FROM log ORDER BY seq DESC LIMIT 1")
            )
        }
        let engine = try await filled(edges(0..<65))
        defer { engine.close() }
        let few = try await written { try await add(edges(65..<66), to: engine) }
        for start in stride(from: 100, to: 20_100, by: 5_000) {
            try await add(edges(start..<start + 5_000), to: engine)
        }
        let many = try await written { try await add(edges(70..<71), to: engine) }
        // The tree of the edges may have become higher, which takes a page of 16 KiB more.
        #expect(many.wal <= few.wal + 2 * 17_000)
        #expect(many.log <= 100)
        let dropped = try await written {
            _ = try await engine.dropMany(
                DropManyRequest(
                    collection: "c",
                    edges: [SourcedEdge(from: "hub", edges(500..<501)[0])]
                )
            )
        }
        #expect(dropped.wal <= few.wal + 2 * 17_000 && dropped.log <= 100)
        // The replacing document has other words, one edge less and one more.
        let others = edges(0..<66) + edges(70..<71) + edges(101..<500) + edges(501..<20_101)
        let document = Document(id: "hub", text: "other words", edges: others)
        let replaced = try await written { _ = try await engine.index("c", [document]) }
        #expect(replaced.wal <= few.wal + 5 * 17_000)
        #expect(Set(try await edges(engine).map(\.target)) == Set(others.map(\.target)))
        #expect(try await engine.verify().isClean)
    }

    @Test("A hub loses edges to dropped targets and returns to its row when few are left")
    func targets() async throws {
        let engine = try await filled(edges(0..<100))
        defer { engine.close() }
        let targets = edges(0..<100).map { Document(id: $0.target) }
        _ = try await engine.index("c", targets)
        _ = try await engine.dropMany(
            DropManyRequest(collection: "c", ids: targets[..<67].map(\.id))
        )
        #expect(try await edges(engine) == edges(67..<100))
        #expect(try execute("SELECT count(*) FROM edges_1") == 34)
        _ = try await engine.dropMany(DropManyRequest(collection: "c", ids: [targets[80].id]))
        #expect(try await edges(engine) == edges(67..<80) + edges(81..<100))
        #expect(try execute("SELECT count(*) FROM edges_1") == 0)
        #expect(try await engine.verify().isClean)
    }

    @Test("A hub leaves nothing behind when it is dropped, replaced by a small one or erased")
    func removal() async throws {
        let engine = try await filled(edges(0..<100))
        let secret = Edge("secretrelation", to: "secretperson")
        try await add([secret], to: engine)
        _ = try await engine.index("c", [Document(id: "hub", edges: edges(0..<2))])
        #expect(try execute("SELECT count(*) FROM edges_1") == 0)
        try await add(edges(0..<100) + [secret], to: engine)
        #expect(try execute("SELECT count(*) FROM edges_1") == 102)
        _ = try await engine.dropMany(
            DropManyRequest(collection: "c", edges: [SourcedEdge(from: "hub", secret)])
        )
        _ = try await engine.erase("c")
        for name in try FileManager.default.contentsOfDirectory(atPath: path)
        where name != "snapshots" {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))
            #expect(bytes.range(of: Data("secret".utf8)) == nil, "\(name)")
        }
        #expect(try await edges(engine).count == 100)
        _ = try await engine.dropMany(DropManyRequest(collection: "c", ids: ["hub"]))
        #expect(try execute("SELECT count(*) FROM edges_1") == 0)
        try await engine.dropCollection("c")
        #expect(try execute("SELECT count(*) FROM sqlite_schema WHERE name = 'edges_1'") == 0)
        engine.close()
    }

    @Test("A document with few but large edges is also a hub")
    func bytes() async throws {
        let long = String(repeating: "x", count: 5_000)
        let few = ["a", "b", "c", "d"].map { id in
            Edge("to", to: DocumentID(trusted: id), metadata: ["m": .string(long)])
        }
        let engine = try await filled([])
        defer { engine.close() }
        try await add(few, to: engine)
        #expect(try await edges(engine) == few)
        #expect(try execute("SELECT count(*) FROM edges_1") == 5)
        _ = try await engine.dropMany(
            DropManyRequest(collection: "c", ids: ["b"], edges: [SourcedEdge(from: "hub", few[3])])
        )
        _ = try await engine.index("c", [Document(id: "c")])
        _ = try await engine.dropMany(DropManyRequest(collection: "c", ids: ["c"]))
        #expect(try await engine.verify().isClean)
        let longest = Value.string(String(repeating: "x", count: 1 << 20))
        let large = Edge("to", to: "e", metadata: ["m": longest])
        let refused = await failure { try await add([large], to: engine) }
        #expect(refused?.reason == .limit && refused?.field == "edges[0]")
    }

    @Test("A hub has no more edges than the limit, which counts none of them twice")
    func limit() async throws {
        var engine = try await filled(edges(0..<70))
        engine.close()
        engine = try open(maxEdges: 75)
        defer { engine.close() }
        let refused = await failure { try await add(edges(70..<76), to: engine) }
        #expect(refused?.reason == .limit && refused?.object == "hub")
        #expect(refused?.message.contains("76") == true)
        #expect(refused?.message.contains("75") == true)
        try await add(edges(65..<75, weight: 2), to: engine)
        try await add(edges(60..<75, weight: 3), to: engine)
        #expect(await failure { try await add(edges(74..<76), to: engine) }?.reason == .limit)
        #expect(try await edges(engine) == edges(0..<60) + edges(60..<75, weight: 3))
        let document = Document(id: "other", edges: edges(0..<70))
        let more = edges(70..<76).map { SourcedEdge(from: "other", $0) }
        let both = await failure { _ = try await engine.index("c", [document], edges: more) }
        #expect(both?.reason == .limit)
        let large = Document(id: "other", edges: edges(0..<76))
        #expect(await failure { _ = try await engine.index("c", [large]) }?.reason == .limit)
    }

    @Test("A hub too large for a reply is refused before its edges are read")
    func tooLarge() async throws {
        let engine = try await filled(edges(0..<200))
        defer { engine.close() }
        // A read of any edge would find this damage.
        try execute("UPDATE edges_1 SET sum = sum + 1 WHERE label = CAST('cites' AS BLOB)")
        func get(wire: Int) throws {
            let budget = ReplyBudget(
                maxWireBytes: wire,
                maxMemoryBytes: .max,
                memory: MemoryBudget(limit: .max)
            )
            let deadline = ContinuousClock.now.advanced(by: .seconds(300))
            _ = try engine.get(
                GetRequest(collection: "c", ids: ["hub"]),
                context: CallContext(deadline: deadline, replyBudget: budget)
            )
        }
        let error = #expect(throws: LodestoneError.self) { try get(wire: 2_000) }
        #expect(error?.reason == .replyTooLarge && error?.object == "hub")
        #expect(error?.message.contains("200 edges") == true)
        #expect(error?.recovery.contains("pages") == true)
        let damaged = #expect(throws: LodestoneError.self) { try get(wire: 1 << 20) }
        #expect(damaged?.reason == .corruptRow)
        let text = try await engine.get(
            GetRequest(collection: "c", ids: ["hub"], include: .text)
        )
        #expect(text[0].text[0].text == "words")
    }

    @Test(
        "A damaged hub is named, and whole after it is written again",
        arguments: [
            "UPDATE edges_1 SET content = x'00' WHERE rowid_of_label",
            "UPDATE edges_1 SET arrival = arrival + 1 WHERE rowid_of_label",
            "UPDATE edges_1 SET target = x'ff' WHERE rowid_of_label",
            "DELETE FROM edges_1 WHERE rowid_of_label",
            "UPDATE edges_1 SET sum = sum + 1 WHERE label = x''",
            "DELETE FROM edges_1 WHERE label = x''",
            "DELETE FROM edges_1",
            "UPDATE docs_1 SET edges = x'ffffffffffffffffff0107000000'",
            "UPDATE docs_1 SET text = x'00'",
        ]
    )
    func damage(sql: String) async throws {
        let engine = try await filled(edges(0..<100))
        defer { engine.close() }
        try execute(
            sql.replacingOccurrences(
                of: "rowid_of_label",
                with: "target = CAST('t1000050' AS BLOB)"
            )
        )
        let report = try await engine.verify()
        #expect(report.damages.filter { $0.kind == "row" }.map(\.object) == ["hub"])
        #expect(report.damages.allSatisfy { !$0.isRepaired })
        let read = await failure { _ = try await edges(engine) }
        #expect(read?.reason == .corruptRow && read?.object == "hub")
        let document = Document(id: "hub", edges: edges(10..<100, weight: 2))
        _ = try await engine.index("c", [document])
        #expect(Set(try await edges(engine).map(\.target)) == Set(document.edges.map(\.target)))
        let after = try await engine.verify()
        #expect(after.damages == [])
    }

    @Test(
        "Verification finds a hub with an invalid row id",
        .timeLimit(.minutes(1)),
        arguments: ["4294967296", "4294967298", "-5", "'x'", "2.5", "x'00'"]
    )
    func strangeNumbers(number: String) async throws {
        let engine = try await filled(edges(0..<100))
        defer { engine.close() }
        try execute(
            """
            INSERT INTO edges_1
                SELECT \(number), label, target, arrival, content, sum FROM edges_1
            """
        )
        let report = try await engine.verify()
        #expect(report.damages.map(\.kind) == ["database"])
        try await engine.createSnapshot("s")
        let error = #expect(throws: LodestoneError.self) {
            try SnapshotArchive.verify(
                path + "/snapshots/s.lodestone",
                analysis: FTS5Analysis(),
                context: CallContext()
            )
        }
        #expect(error?.code == .dataLoss, "\(String(describing: error))")
    }

    @Test("Verification finds a hub's edges that belong to no row")
    func strangers() async throws {
        let engine = try await filled(edges(0..<100))
        defer { engine.close() }
        try execute(
            "INSERT INTO edges_1 SELECT 7, label, target, arrival, content, sum FROM edges_1"
        )
        let report = try await engine.verify()
        #expect(report.damages.map(\.object) == ["hub 7"])
        try await engine.createSnapshot("s")
        let error = #expect(throws: LodestoneError.self) {
            try SnapshotArchive.verify(
                path + "/snapshots/s.lodestone",
                analysis: FTS5Analysis(),
                context: CallContext()
            )
        }
        #expect(error?.code == .dataLoss && error?.message.contains("no row names them") == true)
    }

    @Test("Replay of the log adds a hub's edges without a read of the edge table")
    func replay() async throws {
        var engine = try await filled([])
        try await engine.compact("c")
        for start in stride(from: 0, to: 500, by: 50) {
            try await add(edges(start..<start + 50), to: engine)
        }
        let dropped = edges(100..<120).map { SourcedEdge(from: "hub", $0) }
        _ = try await engine.dropMany(DropManyRequest(collection: "c", edges: dropped))
        engine.close()
        // A read of any edge would find this damage.
        try execute("UPDATE edges_1 SET sum = sum + 1")
        engine = try open()
        #expect(try engine.describe("c").edges == 480)
        let incoming = { (id: DocumentID) in
            try await engine.walk("c", Walk(from: [id], direction: .incoming)).reached.map(\.id)
        }
        _ = try await engine.index("c", [Document(id: "t1000099"), Document(id: "t1000100")])
        #expect(try await incoming("t1000099") == ["hub"])
        #expect(try await incoming("t1000100") == [])
        engine.close()
    }

    @Test("A hub has the edges added and dropped during a compaction")
    func meanwhile() async throws {
        let engine = try await filled(edges(0..<100))
        defer { engine.close() }
        // After these drops, a base numbers the remaining ids differently.
        let dropped = try (0..<3_000).map { Document(id: try DocumentID("dropped\($0)")) }
        _ = try await engine.index("c", dropped)
        _ = try await engine.index("c", edges(0..<3_000).map { Document(id: $0.target) })
        _ = try await engine.dropMany(DropManyRequest(collection: "c", ids: dropped.map(\.id)))
        let isDone = Atomic<Bool>(false)
        async let compaction: Void = {
            try await engine.compact("c")
            isDone.store(true, ordering: .releasing)
        }()
        var count = 0
        while !isDone.load(ordering: .acquiring), count < 2_900 {
            try await add(edges(100 + count..<110 + count), to: engine)
            let dropped = edges(count..<count + 5).map { SourcedEdge(from: "hub", $0) }
            _ = try await engine.dropMany(DropManyRequest(collection: "c", edges: dropped))
            count += 10
        }
        try await compaction
        #expect(count > 0)
        #expect(try await engine.verify().damages == [])
        #expect(try engine.describe("c").edges == 100 + count / 2)
    }

    @Test("A hub that an earlier release kept in its row moves out with its next change")
    func upgrade() async throws {
        var engine = try open(EdgesInRow(count: .max, byteCount: .max))
        try await engine.createCollection("c", CollectionOptions(dimension: 0))
        _ = try await engine.index("c", [Document(id: "hub", text: "words", edges: edges(0..<100))])
        try await engine.createSnapshot("before")
        engine.close()
        try execute("PRAGMA user_version = 6")
        engine = try open()
        #expect(try execute("PRAGMA user_version") == 7)
        #expect(try await edges(engine) == edges(0..<100))
        #expect(try execute("SELECT count(*) FROM sqlite_schema WHERE name = 'edges_1'") == 0)
        try await add(edges(100..<101), to: engine)
        engine.close()
        engine = try open()
        #expect(try await edges(engine) == edges(0..<101))
        #expect(try execute("SELECT count(*) FROM edges_1") == 102)
        #expect(try engine.describe("c").edges == 101)
        #expect(try await engine.verify().isClean)
        engine.close()
    }
}
