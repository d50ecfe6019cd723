// SPDX-License-Identifier: Apache-2.0
import CSQLite
import LodestoneCore
import LodestoneGraph
import LodestoneStructures
import Testing

/// The edges of a graph in a real SQLite table in memory, walked by a recursive query.
final class SQLiteEdges {
    private let database: OpaquePointer

    init(_ edges: [TestEdge]) throws {
        var handle: OpaquePointer?
        #expect(sqlite3_open(":memory:", &handle) == SQLITE_OK)
        database = try #require(handle)
        try run(
            """
            CREATE TABLE edges(
                source INTEGER, label INTEGER, target INTEGER, PRIMARY KEY (source, label, target));
            CREATE INDEX edges_by_target ON edges(target);
            BEGIN
            """
        )
        for edge in edges {
            try run(
                "INSERT INTO edges VALUES (\(edge.source), \(edge.label), \(edge.target))"
            )
        }
        try run("COMMIT")
    }

    deinit {
        sqlite3_close(database)
    }

    private func run(_ sql: String) throws {
        try #require(sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK)
    }

    /// Every vertex that can be reached, with its least depth; the vertices in `missing` do not
    /// exist.
    func leastDepths(
        from starts: [VertexID],
        labels: Set<LabelID>?,
        direction: Direction,
        depth: Int,
        missing: Set<VertexID>
    ) throws -> [VertexID: Int] {
        func list(_ values: some Sequence<some DenseID>) -> String {
            values.map(\.description).joined(separator: ", ")
        }
        let outgoing = "SELECT source AS a, label, target AS b FROM edges"
        let incoming = "SELECT target AS a, label, source AS b FROM edges"
        let hops =
            switch direction {
            case .outgoing: outgoing
            case .incoming: incoming
            case .both: "\(outgoing) UNION ALL \(incoming)"
            }
        let labelFilter = labels.map { "AND label IN (\(list($0)))" } ?? ""
        let existing = starts.filter { !missing.contains($0) }
        let sql = """
            WITH RECURSIVE
                hop(a, label, b) AS (\(hops)),
                start(vertex) AS (VALUES \(existing.map { "(\($0))" }.joined(separator: ", "))),
                walk(vertex, depth) AS (
                    SELECT vertex, 0 FROM start
                    UNION
                    SELECT b, depth + 1 FROM walk JOIN hop ON a = vertex
                    WHERE depth < \(depth) \(labelFilter) AND b NOT IN (\(list(missing))))
            SELECT vertex, min(depth) FROM walk WHERE vertex NOT IN (SELECT vertex FROM start) GROUP BY 1
            """
        guard !existing.isEmpty else { return [:] }
        var statement: OpaquePointer?
        try #require(sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK)
        defer { sqlite3_finalize(statement) }
        var depths: [VertexID: Int] = [:]
        while sqlite3_step(statement) == SQLITE_ROW {
            let vertex = VertexID(Int(sqlite3_column_int64(statement, 0)))
            depths[vertex] = Int(sqlite3_column_int64(statement, 1))
        }
        return depths
    }
}

struct TestEdge: Hashable {
    var source: VertexID
    var label: LabelID
    var target: VertexID
}

typealias TestOutcome = (reached: [Step], endedBy: WalkResult.Limit?, edgesFollowed: Int)

extension GraphIndex {
    init(_ edges: some Sequence<TestEdge>) {
        self.init()
        for edge in edges {
            addEdge(from: edge.source, Adjacency(label: edge.label, vertex: edge.target))
        }
    }

    /// A walk over existing vertices, with room for everything unless the test says otherwise.
    func walk(
        from starts: [VertexID],
        labels: Set<LabelID>? = nil,
        direction: Direction = .outgoing,
        depth: Int = 8,
        budget: WalkBudget = WalkBudget(nodes: 100_000, edges: 10_000_000),
        missing: Set<VertexID> = []
    ) throws -> TestOutcome {
        try walk(
            from: starts,
            labels: labels,
            direction: direction,
            depth: depth,
            budget: budget,
            missing: missing,
            context: CallContext()
        )
    }

    func walk(
        from starts: [VertexID],
        labels: Set<LabelID>?,
        direction: Direction,
        depth: Int,
        budget: WalkBudget,
        missing: Set<VertexID>,
        context: CallContext
    ) throws -> TestOutcome {
        var rows = OverlayArray<RowID>(fallback: .max)
        var documentCount = 0
        for vertex in 0..<VertexID(vertexBound) {
            let exists = !missing.contains(vertex)
            rows.append(exists ? RowID(rawValue: vertex.rawValue + 7) : .max)
            if exists { documentCount += 1 }
        }
        let outcome = try walk(
            from: starts,
            labels: labels,
            direction: direction,
            depth: depth,
            budget: budget,
            rows: rows,
            documentCount: documentCount,
            context: context
        )
        return (Array(outcome.reached), outcome.endedBy, outcome.edgesFollowed)
    }
}
