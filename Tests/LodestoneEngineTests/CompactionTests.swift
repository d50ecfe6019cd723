// SPDX-License-Identifier: Apache-2.0
import CSQLite
import Foundation
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import LodestoneText
import TestSupport
import Testing

@Suite("Compaction")
struct CompactionTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private var store: String { directory.path + "/store" }

    /// Opens an engine that compacts only on request.
    private func open(_ directory: String? = nil) throws -> Engine {
        let policy = CompactionPolicy(minimumChanges: .max)
        return try Engine.open(
            directory: directory ?? store,
            options: Engine.Options(compaction: policy)
        )
    }

    @Test("A compaction resets the count of changes, and its failure is in the stats")
    func state() async throws {
        let engine = try open()
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        _ = try await engine.index("a", [Document(id: "x", vector: [1, 0])])
        #expect(try engine.describe("a").changesSinceBase == 1)
        #expect(try engine.describe("a").baseByteCount == 0)
        try await engine.compact("a")
        #expect(try engine.describe("a").changesSinceBase == 0)
        #expect(try engine.describe("a").baseByteCount > 0)
        _ = try await engine.index("a", [Document(id: "y", vector: [0, 1])])
        #expect(try engine.stats().compactionFailure == nil)

        let path = store + "/vectors-1-0.seg"
        let good = try Data(contentsOf: URL(fileURLWithPath: path))
        var bad = good
        bad[bad.count - 1] ^= 1
        try overwrite(path, with: bad)
        #expect(await failure { try await engine.compact("a") }?.reason == .corruptSegment)
        #expect(try engine.stats().compactionFailure?.contains("vectors-1-0.seg") == true)
        try overwrite(path, with: good)
        try await engine.compact("a")
        #expect(try engine.stats().compactionFailure == nil)
        engine.close()
    }

    @Test("Compaction of a closed engine fails at once")
    func closed() async throws {
        let engine = try open()
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        engine.close()
        #expect(await failure { try await engine.compact("a") }?.reason == .closed)
        #expect(await failure { _ = try await engine.verify() }?.reason == .closed)
    }

    // MARK: Writes meanwhile

    /// Documents with the same text, some with a vector.
    ///
    /// Each has an edge to another document, one to the first document and one to a missing id.
    private func documents(_ numbers: Range<Int>, _ text: String) throws -> [Document] {
        try numbers.map { number in
            Document(
                id: try DocumentID("d\(number)"),
                vector: number % 3 == 0 ? nil : [Float(number), 1],
                text: "\(text) word\(number % 50) \(text)",
                edges: [
                    Edge("next", to: try DocumentID("d\(number + 7)")),
                    Edge("in \(text)", to: "d0"),
                    Edge("to", to: try DocumentID("nobody of \(text)")),
                ]
            )
        }
    }

    @Test("A compaction keeps what is written, replaced, linked and dropped during it")
    func meanwhile() async throws {
        let engine = try open()
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        var texts: [Int: String] = [:]
        for start in stride(from: 0, to: 4_000, by: 1_000) {
            _ = try await engine.index("a", documents(start..<start + 1_000, "first"))
            for number in start..<start + 1_000 { texts[number] = "first" }
        }
        for round in 0..<4 {
            async let compacted = engine.compact("a")
            for step in 0..<12 {
                let first = round * 900 + step * 60
                let written = [
                    (first..<first + 40, "round\(round)"),
                    (4_000 + first..<4_020 + first, "new\(round)"),
                ]
                for (numbers, text) in written {
                    _ = try await engine.index("a", documents(numbers, text))
                    for number in numbers { texts[number] = text }
                }
                let dropped = [first + 1, first + 50, 4_003 + first]
                let ids = try dropped.map { try DocumentID("d\($0)") }
                _ = try await engine.dropMany(DropManyRequest(collection: "a", ids: ids))
                for number in dropped { texts[number] = nil }
                let edge = Edge("late", to: try DocumentID("d\(first + 2)"), weight: 3)
                let source = try DocumentID("d\(first + 3)")
                _ = try await engine.index("a", [], edges: [SourcedEdge(from: source, edge)])
                _ = try await engine.index("a", documents(first + 50..<first + 51, "again"))
                texts[first + 50] = "again"
            }
            _ = try await compacted
            #expect(try engine.describe("a").documents == texts.count)
            #expect(try await engine.verify().damages == [])
        }
        for text in ["round2", "new3", "again"] {
            let hits = try await engine.search("a", Query([.matching(text)], limit: 1_000))
            let expected = texts.filter { $0.value == text }.map { "d\($0.key)" }
            #expect(Set(hits.map(\.id.string)) == Set(expected), "\(text)")
            let walk = Walk(from: ["d0"], labels: ["in \(text)"], direction: .incoming, depth: 1)
            let reached = try await engine.walk("a", walk).reached
            #expect(Set(reached.map(\.id.string)) == Set(expected), "\(text)")
        }
        engine.close()
        // The next process reads the same state from the log.
        let next = try open()
        #expect(try next.describe("a").documents == texts.count)
        #expect(try await next.verify().damages == [])
        next.close()
    }

    // MARK: Space

    private static let dimension = 256
    private static let count = 4_000

    private func vector(_ number: Int) -> [Float] {
        var vector = [Float](repeating: 0, count: Self.dimension)
        vector[number % Self.dimension] = 1
        vector[(number / Self.dimension + 1) % Self.dimension] += Float(number)
        return vector
    }

    private func write(_ numbers: some Sequence<Int>, to engine: Engine) async throws {
        let documents = try numbers.map { number in
            Document(id: try DocumentID("d\(number)"), vector: vector(number))
        }
        for start in stride(from: 0, to: documents.count, by: 1_000) {
            _ = try await engine.index(
                "a",
                Array(documents[start..<min(start + 1_000, documents.count)])
            )
        }
    }

    private func drop(_ numbers: some Sequence<Int>, from engine: Engine) async throws {
        let ids = try numbers.map { try DocumentID("d\($0)") }
        for start in stride(from: 0, to: ids.count, by: 1_000) {
            _ = try await engine.dropMany(
                DropManyRequest(
                    collection: "a",
                    ids: Array(ids[start..<min(start + 1_000, ids.count)])
                )
            )
        }
    }

    /// A store with four megabytes of vectors.
    private func filled() async throws -> Engine {
        let engine = try open()
        try await engine.createCollection(
            "a",
            CollectionOptions(dimension: Self.dimension, metric: .euclidean)
        )
        try await write(0..<Self.count, to: engine)
        return engine
    }

    /// Checks that every document is nearest to its own vector, and that dropped documents are not
    /// found.
    private func check(_ engine: Engine, has numbers: some Collection<Int>) async throws {
        let description = try engine.describe("a")
        #expect(description.documents == numbers.count && description.vectors == numbers.count)
        let all = try (0..<Self.count + 100).map { try DocumentID("d\($0)") }
        let found = try await engine.get(
            GetRequest(collection: "a", ids: all, include: .vector)
        )
        #expect(found.map(\.id.string) == numbers.sorted().map { "d\($0)" })
        for (document, number) in zip(found, numbers.sorted())
        where document.vector != vector(number) {
            Issue.record("\(document.id) has another vector")
            break
        }
        for number in numbers.sorted().shuffled().prefix(5) {
            let hits = try await engine.search("a", Query([.near(vector(number))], limit: 2))
            #expect(hits.first?.id.string == "d\(number)" && hits.first?.score == 0)
        }
    }

    private func byteCount(_ part: String, _ engine: Engine) throws -> Int {
        let name = "store.bytes.\(part)"
        return Int(try #require(try engine.stats().statistics.first { $0.name == name }).value)
    }

    private var segments: [String] {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: store)
                .filter { $0.hasSuffix(".seg") }.sorted()
        }
    }

    /// The documents that remain after a drop.
    enum Pattern: String, CaseIterable {
        case everySecond, laterHalf, first, none

        var kept: [Int] {
            switch self {
            case .everySecond: Array(stride(from: 1, to: CompactionTests.count, by: 2))
            case .laterHalf: Array(CompactionTests.count / 2..<CompactionTests.count)
            case .first: [0]
            case .none: []
            }
        }
    }

    @Test(
        "A compaction frees the space of dropped vectors and loses no other vector",
        arguments: Pattern.allCases
    )
    func space(pattern: Pattern) async throws {
        var engine = try await filled()
        let full = try byteCount("segments", engine)
        #expect(full > Self.count * Self.dimension * 4)
        let kept = pattern.kept
        try await drop(Set(0..<Self.count).subtracting(kept), from: engine)
        #expect(try byteCount("segments", engine) == full)
        try await engine.compact("a")
        let bytes = kept.count * (Self.dimension * 4 + 4) + 128
        #expect(try byteCount("segments", engine) <= bytes)
        #expect(try segments.count == 1)
        try await check(engine, has: kept)
        #expect(try await engine.verify().damages == [])
        engine.close()

        engine = try open()
        try await check(engine, has: kept)
        #expect(try await engine.verify().damages == [])
        // Later vectors are appended after the moved ones and are compacted in turn.
        let later = kept + (Self.count..<Self.count + 100)
        try await write(Self.count..<Self.count + 100, to: engine)
        try await check(engine, has: later)
        try await engine.compact("a")
        try await check(engine, has: later)
        let rest = later.filter { $0 % 4 != 1 }
        try await drop(later.filter { $0 % 4 == 1 }, from: engine)
        try await engine.compact("a")
        try await check(engine, has: rest)
        #expect(try await engine.verify().damages == [])
        engine.close()
        engine = try open()
        try await check(engine, has: rest)
        engine.close()
    }

    @Test("A compaction leaves segments as they are while few vectors are dead")
    func little() async throws {
        let engine = try await filled()
        let before = try segments
        try await drop(0..<Self.count / 5, from: engine)
        try await engine.compact("a")
        #expect(try segments == before)
        try await check(engine, has: Self.count / 5..<Self.count)
        engine.close()
    }

    @Test("Segment compaction leaves results right in processes with the old base or none")
    func shared() async throws {
        let first = try await filled()
        // This collection holds the log back, so that other engines have to replay batches whose
        // vectors have moved.
        try await first.createCollection("held", CollectionOptions(dimension: 0))
        _ = try await first.index("held", [Document(id: "x", text: "held")])
        try await first.compact("a")
        let mapped = try open()
        try await check(mapped, has: 0..<Self.count)
        let kept = Array(stride(from: 0, to: Self.count, by: 2))
        try await drop(stride(from: 1, to: Self.count, by: 2), from: first)
        try await first.compact("a")
        #expect(try segments == ["vectors-1-1.seg"])
        try await check(mapped, has: kept)
        // The engine's own segment was removed, so it must write where the other engines find the
        // vectors.
        try await write(Self.count..<Self.count + 10, to: mapped)
        let all = kept + (Self.count..<Self.count + 10)
        let fresh = try open()
        for engine in [first, mapped, fresh] {
            try await check(engine, has: all)
            #expect(try await engine.verify().damages == [])
        }
        try await mapped.compact("a")
        try await drop(all.filter { $0 % 3 != 0 }, from: fresh)
        try await fresh.compact("a")
        for engine in [first, mapped, fresh] {
            try await check(engine, has: all.filter { $0 % 3 == 0 })
            #expect(try await engine.verify().damages == [])
            engine.close()
        }
    }

    @Test("A process far behind follows a compaction although the log names removed segments")
    func behind() async throws {
        let first = try open()
        try await first.createCollection(
            "a",
            CollectionOptions(dimension: Self.dimension, metric: .euclidean)
        )
        try await first.createCollection("held", CollectionOptions(dimension: 0))
        _ = try await first.index("held", [Document(id: "x", text: "held")])
        let behind = try open()
        try await write(0..<Self.count, to: first)
        try await drop(0..<Self.count / 2, from: first)
        try await first.compact("a")
        #expect(try segments == ["vectors-1-1.seg"])
        try await check(behind, has: Self.count / 2..<Self.count)
        #expect(try await behind.verify().damages == [])
        behind.close()
        first.close()
    }

    @Test("A process that only reads follows a compaction and releases the old base")
    func reader() async throws {
        let first = try await filled()
        try await first.compact("a")
        let policy = CompactionPolicy(minimumChanges: 100, idleTime: .milliseconds(1))
        let reader = try Engine.open(
            directory: store,
            options: Engine.Options(compaction: policy)
        )
        try await check(reader, has: 0..<Self.count)
        try await drop(0..<Self.count / 2, from: first)
        try await first.compact("a")
        try await check(reader, has: Self.count / 2..<Self.count)
        let end = ContinuousClock.now + .seconds(30)
        while try reader.describe("a").changesSinceBase > 0, ContinuousClock.now < end {
            await Task.yield()
        }
        #expect(try reader.describe("a").changesSinceBase == 0)
        try await check(reader, has: Self.count / 2..<Self.count)
        #if os(Linux)
        let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
        let held = maps.split(separator: "\n").filter {
            $0.contains(store) && $0.contains(".seg") && $0.hasSuffix("(deleted)")
        }
        #expect(held == [])
        #endif
        reader.close()
        first.close()
    }

    @Test("A snapshot has the compacted segments")
    func snapshot() async throws {
        let engine = try await filled()
        let kept = Array(stride(from: 0, to: Self.count, by: 2))
        try await drop(stride(from: 1, to: Self.count, by: 2), from: engine)
        try await engine.compact("a")
        try await engine.createSnapshot("moved")
        engine.close()
        let target = directory.path + "/restored"
        _ = try SnapshotArchive.restore(
            "\(store)/snapshots/moved.lodestone",
            to: target,
            analysis: FTS5Analysis(),
            context: CallContext()
        )
        let copy = try open(target)
        try await check(copy, has: kept)
        #expect(try await copy.verify().damages == [])
        try await write(Self.count..<Self.count + 10, to: copy)
        try await copy.compact("a")
        try await check(copy, has: kept + (Self.count..<Self.count + 10))
        copy.close()
    }

    @Test("A compaction gives damaged vectors no new checksum")
    func damaged() async throws {
        var engine = try await filled()
        try await engine.compact("a")
        engine.close()
        let path = store + "/vectors-1-0.seg"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        // The changed byte is in the vector of document 7.
        bytes[64 + 7 * Self.dimension * 4 + 3] ^= 1
        try overwrite(path, with: bytes)
        engine = try open()
        try await drop(Self.count / 4..<Self.count, from: engine)
        try await engine.compact("a")
        #expect(try segments == ["vectors-1-0.seg"])
        let error = await failure {
            _ = try await engine.get(
                GetRequest(collection: "a", ids: ["d7"], include: .vector)
            )
        }
        #expect(error?.code == .dataLoss)
        #expect(try await engine.verify().damages.contains { $0.kind == "vectors" })
        engine.close()
    }

    @Test("Damaged row ids in a compacted segment lose no vector silently")
    func damagedNumbers() async throws {
        let engine = try await filled()
        try await drop(stride(from: 0, to: Self.count, by: 2), from: engine)
        try await engine.compact("a")
        engine.close()
        let path = "\(store)/\(try #require(try segments.first))"
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let ids = try Pattern.everySecond.kept.map { try DocumentID("d\($0)") }
        var refused = 0
        // The places go from the end of the file's header to its end, through vectors and row ids.
        let positions = Array(stride(from: 64, to: bytes.count, by: bytes.count / 40))
        for position in positions + [bytes.count - 2_000] {
            var changed = bytes
            changed[position] ^= 0x20
            try overwrite(path, with: changed)
            let engine = try open()
            for id in ids.shuffled().prefix(200) {
                do {
                    let request = GetRequest(collection: "a", ids: [id], include: .vector)
                    let found = try await engine.get(request).first?.vector
                    let number = try #require(Int(id.string.dropFirst()))
                    #expect(found == vector(number), "\(id), byte \(position)")
                } catch let error as LodestoneError {
                    #expect(error.code == .dataLoss)
                    refused += 1
                }
            }
            engine.close()
        }
        #expect(refused > 0)
        try overwrite(path, with: bytes)
    }

    @Test("Segments left by an interrupted compaction are removed at the next open")
    func leftovers() async throws {
        var engine = try await filled()
        engine.close()
        // The first segment is full and nothing points to it; the second one follows it.
        let old = store + "/vectors-1-0.seg"
        for index in 1...2 {
            try FileManager.default.copyItem(atPath: old, toPath: "\(store)/vectors-1-\(index).seg")
        }
        engine = try open()
        // The last segment stays, because its index must not be given twice.
        #expect(try segments == ["vectors-1-0.seg", "vectors-1-2.seg"])
        try await check(engine, has: 0..<Self.count)
        try await drop(0..<Self.count / 2, from: engine)
        try await engine.compact("a")
        #expect(try segments == ["vectors-1-3.seg"])
        try await check(engine, has: Self.count / 2..<Self.count)
        engine.close()
    }

    @Test("A compaction shrinks the database after a large collection was dropped")
    func droppedCollection() async throws {
        let engine = try await filled()
        try await engine.compact("a")
        try await engine.createCollection("other", CollectionOptions(dimension: 0))
        try await engine.createCollection("big", CollectionOptions(dimension: 2))
        let text = String(repeating: "many words of no interest ", count: 200)
        for batch in 0..<8 {
            let documents = try (0..<250).map {
                Document(id: try DocumentID("\(batch)-\($0)"), vector: [1, 2], text: text)
            }
            _ = try await engine.index("big", documents)
        }
        try await engine.compact("big")
        let before = try byteCount("database", engine) + byteCount("write_ahead_log", engine)
        #expect(before > 10 << 20)
        try await engine.dropCollection("big")
        try await engine.dropCollection("a")
        // This compaction waits for the work that the drops have queued before it.
        try await engine.compact("other")
        #expect(try byteCount("database", engine) < 2 << 20)
        #expect(try segments == [] && byteCount("segments", engine) == 0)
        let left = try FileManager.default.contentsOfDirectory(atPath: store)
        #expect(left.filter { $0.hasPrefix("base-") }.allSatisfy { $0.hasPrefix("base-2-") })
        engine.close()
    }

    /// Writes to the file in place, because it is mapped.
    private func overwrite(_ path: String, with bytes: Data) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.write(contentsOf: bytes)
        try file.close()
    }
}
