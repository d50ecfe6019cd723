// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Change of field indexes", .timeLimit(.minutes(2)))
struct IndexChangeTests {
    private let store: TestStore
    private let filter = Filter.range(path: ["n"], lower: .init(10), upper: nil)

    init() throws {
        store = try TestStore()
    }

    private func filled(_ count: Int = 30) async throws -> Engine {
        let engine = try store.open()
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        try await fill(engine, 0..<count)
        return engine
    }

    private func fill(_ engine: Engine, _ numbers: Range<Int>) async throws {
        let documents = try numbers.map { number in
            Document(
                id: try DocumentID("d\(number)"),
                metadata: [
                    "n": .int(Int64(number)), "tag": .string("t\(number % 3)"),
                    "by": .object(["name": .string("x\(number % 2)")]),
                ]
            )
        }
        if !documents.isEmpty { _ = try await engine.index("a", documents) }
    }

    private func drop(_ engine: Engine, _ numbers: Int...) async throws {
        let ids = try numbers.map { try DocumentID("d\($0)") }
        _ = try await engine.dropMany(DropManyRequest(collection: "a", ids: ids))
    }

    private func count(_ engine: Engine, _ filter: Filter) async throws -> CountResponse {
        try await engine.count(CountRequest(collection: "a", filter: filter))
    }

    /// The strategy by which a new filter is evaluated.
    private func strategy(_ engine: Engine, _ path: [String] = ["n"]) async throws -> String? {
        let bound = Value.double(.random(in: -2 ... -1))
        let unheard = Filter.range(path: path, lower: .init(bound), upper: nil)
        return try await count(engine, unheard).filter?.strategy
    }

    @Test("A field index is added to existing documents and dropped again")
    func changes() async throws {
        let engine = try await filled()
        #expect(try await strategy(engine) == "scanned")
        let added = try await engine.alterCollection("a", addIndexes: [MetadataIndex("n")])
        #expect(added.sequenceNumber == 3)
        try await engine.buildIndex("a")
        #expect(try engine.describe("a").options.metadataIndexes == [MetadataIndex("n")])
        #expect(try engine.describe("a").buildingIndexes.isEmpty)
        #expect(try await strategy(engine) == "indexed")
        #expect(try await count(engine, filter).count == 20)
        let request = ScanRequest(collection: "a", limit: 2, order: ScanOrder(path: ["n"]))
        #expect(try await engine.scan(request).documents.map(\.id) == ["d0", "d1"])
        // Fields that are indexed already are ignored, and so is the drop of a field without an
        // index.
        try await engine.alterCollection(
            "a",
            addIndexes: [MetadataIndex("n"), MetadataIndex("by.name")],
            dropIndexes: [MetadataIndex("tag")]
        )
        try await engine.buildIndex("a")
        #expect(try await strategy(engine, ["by", "name"]) == "indexed")
        try await engine.alterCollection("a", dropIndexes: [MetadataIndex("n")])
        #expect(try engine.describe("a").options.metadataIndexes == [MetadataIndex("by.name")])
        #expect(try await strategy(engine) == "scanned")
        #expect(try await strategy(engine, ["by", "name"]) == "indexed")
        #expect(try await count(engine, filter).count == 20)
        #expect(try await engine.verify().isClean)
        engine.close()
    }

    @Test("A field index interrupted by a restart is built after the store is opened")
    func interrupted() async throws {
        let engine = try await filled()
        try await engine.compact("a")
        let lock = try HeldLock(store.path + "/compaction.lock")
        try await engine.alterCollection("a", addIndexes: [MetadataIndex("n")])
        // The documents were written before and after the change; some are replaced or dropped
        // meanwhile.
        try await fill(engine, 25..<40)
        try await drop(engine, 3, 12, 39)
        #expect(try engine.describe("a").buildingIndexes == [MetadataIndex("n")])
        #expect(try await strategy(engine) == "scanned")
        #expect(try await count(engine, filter).count == 28)
        let refused = await failure {
            _ = try await engine.scan(
                ScanRequest(collection: "a", order: ScanOrder(path: ["n"]))
            )
        }
        #expect(refused?.reason == .indexBuilding && refused?.code == .failedPrecondition)
        engine.close()
        lock.release()

        let again = try store.open()
        try await fill(again, 40..<42)
        // `buildIndex` waits for the backfill that began automatically, or does it.
        try await again.buildIndex("a")
        #expect(try again.describe("a").buildingIndexes.isEmpty)
        #expect(try await strategy(again) == "indexed")
        #expect(try await count(again, filter).count == 30)
        #expect(try await again.verify().isClean)
        again.close()

        let third = try store.open()
        #expect(try await strategy(third) == "indexed")
        #expect(try await count(third, filter).count == 30)
        third.close()
    }

    @Test("A field index has values of documents written in the same group commit and later")
    func waiting() async throws {
        let engine = try await filled()
        let late = try (30..<40).map { number in
            Document(id: try DocumentID("d\(number)"), metadata: ["n": .int(Int64(number))])
        }
        let change = CollectionChange(addedIndexes: [MetadataIndex("n")])
        let writes: [Engine.Write] = [
            .alterCollection(name: "a", change),
            .indexMany(IndexManyRequest(collection: "a", documents: late)),
        ]
        // Both writes are checked before either is written.
        let lock = try HeldLock(store.path + "/lock")
        let (receipts, continuation) = AsyncStream.makeStream(of: WriteReceipt?.self)
        for write in writes {
            engine.write(write, requestID: nil, context: CallContext()) { result in
                continuation.yield(try? result.get())
            }
        }
        lock.release()
        var iterator = receipts.makeAsyncIterator()
        for _ in writes { #expect(await iterator.next() != .some(nil)) }
        try await engine.buildIndex("a")
        #expect(try await strategy(engine) == "indexed")
        #expect(try await count(engine, filter).count == 30)
        #expect(try await engine.verify().isClean)
        engine.close()
    }

    @Test("A snapshot has a field index, built or not")
    func snapshots() async throws {
        let engine = try await filled()
        let lock = try HeldLock(store.path + "/compaction.lock")
        try await engine.alterCollection("a", addIndexes: [MetadataIndex("n")])
        lock.release()
        try await engine.createSnapshot("early")
        try await engine.buildIndex("a")
        try await engine.alterCollection("a", dropIndexes: [MetadataIndex("tag")])
        try await engine.createSnapshot("late")
        engine.close()
        for name in ["early", "late"] {
            try store.restore(name)
            let copy = try store.open(copy: name)
            try await copy.buildIndex("a")
            #expect(try copy.describe("a").options.metadataIndexes == [MetadataIndex("n")])
            #expect(try await strategy(copy) == "indexed", "\(name)")
            #expect(try await count(copy, filter).count == 20)
            #expect(try await copy.verify().isClean)
            copy.close()
        }
    }

    @Test("A change of field indexes is applied once per request id")
    func once() async throws {
        let engine = try await filled()
        let id = RequestID.random()
        let n = [MetadataIndex("n")]
        let first = try await engine.alterCollection("a", addIndexes: n, requestID: id)
        try await engine.alterCollection("a", dropIndexes: n)
        let again = try await engine.alterCollection("a", addIndexes: n, requestID: id)
        #expect(again.isRepeated && again.sequenceNumber == first.sequenceNumber)
        #expect(try engine.describe("a").options.metadataIndexes.isEmpty)
        let reused = await failure {
            try await engine.alterCollection("a", dropIndexes: n, requestID: id)
        }
        #expect(reused?.reason == .requestIDReused)
        engine.close()
    }

    @Test("A change of field indexes has the limits of a creation")
    func limits() async throws {
        let engine = try await filled(1)
        let names = { (range: Range<Int>) in range.map { MetadataIndex("f\($0)") } }
        try await engine.alterCollection("a", addIndexes: names(0..<30))
        let tooMany = await failure {
            try await engine.alterCollection("a", addIndexes: names(28..<33))
        }
        #expect(tooMany?.reason == .limit && tooMany?.code == .invalidArgument)
        try await engine.alterCollection(
            "a",
            addIndexes: names(30..<33),
            dropIndexes: names(0..<1)
        )
        #expect(try engine.describe("a").options.metadataIndexes == names(1..<33))
        let twice = await failure {
            try await engine.alterCollection("a", dropIndexes: names(1..<2) + names(1..<2))
        }
        #expect(twice?.reason == .duplicateName)
        let both = await failure {
            try await engine.alterCollection(
                "a",
                addIndexes: [MetadataIndex("n")],
                dropIndexes: [MetadataIndex("n")]
            )
        }
        #expect(both?.reason == .duplicateName && both?.field == "drop_indexes")
        let nameless = await failure {
            try await engine.alterCollection("a", addIndexes: [MetadataIndex(path: [])])
        }
        #expect(nameless?.reason == .limit)
        #expect(await failure { try await engine.alterCollection("a") }?.reason == .empty)
        #expect(try engine.describe("a").options.metadataIndexes.count == 32)
        engine.close()
    }

    @Test("A change of field indexes is seen by other processes, from the log and without it")
    func shared() async throws {
        let engine = try await filled()
        let other = try store.open()
        try await engine.alterCollection("a", addIndexes: [MetadataIndex("n")])
        try await fill(other, 30..<35)
        try await engine.buildIndex("a")
        for one in [engine, other] {
            #expect(try one.describe("a").options.metadataIndexes == [MetadataIndex("n")])
            #expect(try await count(one, filter).count == 25)
        }
        try await other.buildIndex("a")
        #expect(try await strategy(other) == "indexed")
        try await other.alterCollection(
            "a",
            addIndexes: [MetadataIndex("tag")],
            dropIndexes: [MetadataIndex("n")]
        )
        // The log row of the change is forgotten before the first process reads it.
        try await other.compact("a")
        try await engine.buildIndex("a")
        #expect(try await strategy(engine, ["tag"]) == "indexed")
        #expect(try await strategy(engine) == "scanned")
        #expect(try await count(engine, filter).count == 25)
        #expect(try await engine.verify().isClean)
        engine.close()
        other.close()
    }

    @Test("A scan in an index's order continues while other field indexes change")
    func cursors() async throws {
        let engine = try await filled()
        try await engine.alterCollection(
            "a",
            addIndexes: [MetadataIndex("tag"), MetadataIndex("n")]
        )
        try await engine.buildIndex("a")
        var request = ScanRequest(collection: "a", limit: 7, order: ScanOrder(path: ["n"]))
        var found: [String] = []
        var round = 0
        repeat {
            let page = try await engine.scan(request)
            found += page.documents.map(\.id.string)
            request.cursor = page.nextCursor
            let tag = [MetadataIndex("tag")]
            let isThere = round.isMultiple(of: 2)
            try await engine.alterCollection(
                "a",
                addIndexes: isThere ? [] : tag,
                dropIndexes: isThere ? tag : []
            )
            // After the rebuild, the remaining field has another number in the keys.
            try engine.catalog.remake(try engine.collection(named: "a"))
            round += 1
        } while request.cursor != nil && round < 10
        #expect(found == (0..<30).map { "d\($0)" })
        engine.close()
    }

    @Test("A filter finds the same before, during and after a build, over random writes")
    func differential() async throws {
        let engine = try await filled(0)
        var random = SeededGenerator(seed: 515)
        var model: [Int: Int] = [:]
        var isIndexed = false
        var strategies: Set<String> = []
        var lock: HeldLock?
        for round in 0..<60 {
            var documents: [Document] = []
            for number in 0..<50 where Int.random(in: 0..<4, using: &random) == 0 {
                let value = Int.random(in: 0..<9, using: &random)
                model[number] = value
                let id = try DocumentID("d\(number)")
                documents.append(Document(id: id, metadata: ["n": .int(Int64(value))]))
            }
            if !documents.isEmpty { _ = try await engine.index("a", documents) }
            let gone = Int.random(in: 0..<50, using: &random)
            model[gone] = nil
            try await drop(engine, gone)
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                let n = [MetadataIndex("n")]
                if !isIndexed, lock == nil, Bool.random(using: &random) {
                    // The field stays without its values for some rounds.
                    lock = try HeldLock(store.path + "/compaction.lock")
                }
                try await engine.alterCollection(
                    "a",
                    addIndexes: isIndexed ? [] : n,
                    dropIndexes: isIndexed ? n : []
                )
                isIndexed.toggle()
            case 1:
                lock?.release()
                lock = nil
                try await engine.buildIndex("a")
            case 2 where lock == nil: try await engine.compact("a")
            default: break
            }
            for value in 0..<9 {
                let equal = Filter.equal(path: ["n"], .int(Int64(value)))
                let response = try await count(engine, equal)
                #expect(
                    response.count == model.values.count { $0 == value },
                    "round \(round), \(value), \(String(describing: response.filter))"
                )
                if let strategy = response.filter?.strategy { strategies.insert(strategy) }
                let notEqual = try await count(engine, .not(equal)).count
                #expect(notEqual == model.count - response.count, "round \(round), \(value)")
            }
            // A verification waits for compactions, so it runs only without the lock.
            if lock == nil { #expect(try await engine.verify().isClean, "round \(round)") }
        }
        #expect(strategies == ["scanned", "indexed"])
        lock?.release()
        engine.close()
    }
}
