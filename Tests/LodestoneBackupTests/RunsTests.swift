// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneBackup
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import LodestoneText
import TestSupport
import Testing

@Suite("Backup runs", .timeLimit(.minutes(10)))
struct RunsTests {
    let folder: TemporaryDirectory
    let objects: FileObjectStore

    init() throws {
        folder = try TemporaryDirectory()
        objects = FileObjectStore(directory: folder.path + "/backups")
    }

    private func names(_ prefix: String) throws -> [String] {
        try objects.list(prefix, after: nil, limit: 1_000, context: CallContext()).map(\.key)
    }

    private func bytes() throws -> UInt64 {
        let all = try objects.list("", after: nil, limit: 1_000, context: CallContext())
        return all.reduce(0) { $0 + $1.byteCount }
    }

    @Test(
        "A restore to each sequence number gives the content that the store had there",
        arguments: [UInt64(1), 2, 3]
    )
    func everySequenceNumber(seed: UInt64) async throws {
        let store = try BackedUpStore(folder.path + "/store", seed: seed)
        for _ in 0..<5 { try await store.step() }
        #expect(try store.backUp(to: objects).reason == .isFirst)
        let first = store.last
        for index in 0..<TestLength.cases(60, long: 400) {
            try await store.step()
            switch store.number(0..<12) {
            case 0: for name in BackedUpStore.names { _ = try? await store.engine.compact(name) }
            case 1..<4: #expect(try store.backUp(to: objects).reason == nil)
            case 4 where index > 10:
                #expect(try store.backUp(to: objects, wantsState: true).reason == .isWanted)
            default: break
            }
        }
        try store.backUp(to: objects)
        let numbers = (first...store.last).shuffled().prefix(TestLength.cases(25, long: 400))
        for number in numbers {
            let (report, content) = try await BackedUpStore.restored(
                from: objects,
                .sequenceNumber(number),
                in: folder,
                "at-\(number)"
            )
            #expect(report.sequenceNumber == number)
            #expect(content == store.contents[number], "sequence number \(number)")
        }
        let newest = try await BackedUpStore.restored(from: objects, .newest, in: folder)
        #expect(newest.content == store.contents[store.last])
        let early = failure {
            try BackupRestore(
                objects,
                .sequenceNumber(first - 1),
                analysis: FTS5Analysis(),
                context: CallContext()
            ) { _, _ in }.run(to: folder.path + "/early", isOnlyVerified: false)
        }
        #expect(early?.reason == .noBackup)
        store.engine.close()
    }

    @Test("A restore to a time has the batches that were committed before, and no later ones")
    func time() async throws {
        let store = try BackedUpStore(folder.path + "/store", seed: 7)
        try await store.step()
        try store.backUp(to: objects)
        while store.last < 12 { try await store.step() }
        try store.backUp(to: objects)
        let time = try #require(store.times[9])
        let restored = try await BackedUpStore.restored(from: objects, .time(time), in: folder)
        #expect(restored.report.sequenceNumber == 8)
        #expect(restored.content == store.contents[8])
        store.engine.close()
    }

    @Test("A restore over a missing entry of the log is refused, instead of ending before it")
    func missingEntry() async throws {
        let store = try BackedUpStore(folder.path + "/store", seed: 9)
        for end in [2, 4, 6] as [UInt64] {
            while store.last < end { try await store.step() }
            try store.backUp(to: objects)
        }
        let entries = try names("entries/")
        let middle = entries[entries.count - 2]
        #expect(entries.count >= 3)
        try objects.delete(middle, context: CallContext())
        await #expect(throws: LodestoneError.self) {
            _ = try await BackedUpStore.restored(from: objects, .newest, in: folder)
        }
        store.engine.close()
    }

    @Test("A change of one percent of the documents moves at most three percent of the bytes")
    func smallIncrement() async throws {
        let engine = try Engine.open(directory: folder.path + "/store")
        try await engine.createCollection("a", CollectionOptions(dimension: 256))
        var random = SeededGenerator(seed: 3)
        func documents(_ numbers: [Int]) -> [Document] {
            numbers.map { number in
                Document(
                    id: DocumentID(stringLiteral: "d\(number)"),
                    vector: (0..<256).map { _ in Float.random(in: -1...1, using: &random) },
                    text:
                        "the text of document \(number) \(UInt64.random(in: 0...9, using: &random))"
                )
            }
        }
        for start in stride(from: 0, to: 4_000, by: 1_000) {
            _ = try await engine.indexMany(
                IndexManyRequest(
                    collection: "a",
                    documents: documents(Array(start..<start + 1_000))
                )
            )
        }
        _ = try await engine.compact("a")
        let store = try BackedUpStore(folder.path + "/store", seed: 1)
        let full = try store.backUp(to: objects)
        let numbers = (0..<40).map { $0 * 97 }
        _ = try await engine.indexMany(
            IndexManyRequest(collection: "a", documents: documents(numbers))
        )
        _ = try await engine.compact("a")
        let increment = try store.backUp(to: objects)
        #expect(increment.reason == nil && increment.batches == 1)
        #expect(increment.sentBytes * 100 <= full.sentBytes * 3)
        // A second whole state shares the segments with the first one.
        let second = try store.backUp(to: objects, wantsState: true)
        let state = try #require(second.state)
        #expect(second.sentBytes < state.stateBytes)
        engine.close()
        store.engine.close()
    }

    @Test("A redo log that reached its limit makes the next backup a whole state, which says so")
    func cutLog() async throws {
        let store = try BackedUpStore(folder.path + "/store", seed: 11)
        try await store.step()
        try store.backUp(to: objects, redoLimit: 2_000)
        let before = store.last
        for _ in 0..<40 { try await store.step() }
        let report = try store.backUp(to: objects, redoLimit: 1 << 30)
        guard case .logIsCut(let after) = report.reason else {
            Issue.record("The reason is \(String(describing: report.reason)).")
            return
        }
        #expect(after >= before && after < store.last)
        // Batches before the cut are backed up, batches after it only by the state.
        let atCut = try await BackedUpStore.restored(
            from: objects,
            .sequenceNumber(after),
            in: folder,
            "cut"
        )
        #expect(atCut.content == store.contents[after])
        let missing = failure {
            try BackupRestore(
                objects,
                .sequenceNumber(after + 1),
                analysis: FTS5Analysis(),
                context: CallContext()
            ) { _, _ in }.run(to: folder.path + "/missing", isOnlyVerified: false)
        }
        #expect(missing?.reason == .noBackup)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/missing"))
        for _ in 0..<5 { try await store.step() }
        #expect(try store.backUp(to: objects).reason == nil)
        let newest = try await BackedUpStore.restored(from: objects, .newest, in: folder)
        #expect(newest.content == store.contents[store.last])
        store.engine.close()
    }

    @Test("An erasure empties the redo log, and the next backup is a whole state")
    func erasure() async throws {
        let store = try BackedUpStore(folder.path + "/store", seed: 12)
        for _ in 0..<8 { try await store.step() }
        try store.backUp(to: objects)
        for _ in 0..<8 { try await store.step() }
        _ = try await store.engine.erase()
        let other = try SQLiteStore(
            directory: store.directory,
            durability: .relaxed,
            analysis: FTS5Analysis()
        )
        #expect(try other.redoEntries(after: 0, maxBytes: .max, context: nil).entries.isEmpty)
        other.close()
        guard case .logIsCut = try store.backUp(to: objects).reason else {
            Issue.record("The erased batches are called backed up.")
            return
        }
        for _ in 0..<4 { try await store.step() }
        #expect(try store.backUp(to: objects).reason == nil)
        let newest = try await BackedUpStore.restored(from: objects, .newest, in: folder)
        #expect(newest.content == store.contents[store.last])
        store.engine.close()
    }

    @Test("Backups of another history of a store are refused, so two stores never mix")
    func otherHistory() async throws {
        let store = try BackedUpStore(folder.path + "/store", seed: 13)
        for _ in 0..<8 { try await store.step() }
        try store.backUp(to: objects)
        _ = try await BackedUpStore.restored(from: objects, .newest, in: folder)
        let copy = try BackedUpStore(folder.path + "/restored", seed: 14)
        #expect(failure { try copy.backUp(to: objects) }?.reason == .otherHistory)
        let stranger = try BackedUpStore(folder.path + "/stranger", seed: 15)
        try await stranger.step()
        #expect(failure { try stranger.backUp(to: objects) }?.reason == .otherHistory)
        #expect(try names("entries/").count == 1)
        for store in [store, copy, stranger] { store.engine.close() }
    }

    @Test("A cancelled backup leaves no entry, and the next one is whole")
    func cancelled() async throws {
        let store = try BackedUpStore(folder.path + "/store", seed: 16)
        for _ in 0..<8 { try await store.step() }
        let context = CallContext(timeout: .seconds(300))
        context.cancel()
        #expect(failure { try store.backUp(to: objects, context: context) }?.code == .cancelled)
        #expect(try names("entries/").isEmpty)
        try store.backUp(to: objects)
        let newest = try await BackedUpStore.restored(from: objects, .newest, in: folder)
        #expect(newest.content == store.contents[store.last])
        store.engine.close()
    }

    @Test("Deleting old backups keeps each later state, and frees the rest")
    func prune() async throws {
        let store = try BackedUpStore(folder.path + "/store", seed: 17)
        var states: [UInt64] = []
        for _ in 0..<4 {
            for _ in 0..<10 { try await store.step() }
            states.append(try #require(try store.backUp(to: objects, wantsState: true).state).last)
            try await store.step()
            try store.backUp(to: objects)
        }
        let now = Int64(Date().timeIntervalSince1970)
        let before = try bytes()
        // Chunks stay that are younger than the grace time.
        let young = try BackupPrune(objects, context: CallContext())
            .run(keep: 2, grace: 3_600, now: now)
        #expect(young.chunks == 0 && young.entries > 0)
        #expect(young.states.map(\.last) == states.suffix(2).reversed())
        let old = try BackupPrune(objects, context: CallContext())
            .run(keep: 2, grace: 3_600, now: now + 7_200)
        #expect(old.chunks > 0)
        #expect(try bytes() < before)
        for number in states[2]...store.last {
            let restored = try await BackedUpStore.restored(
                from: objects,
                .sequenceNumber(number),
                in: folder,
                "at-\(number)"
            )
            #expect(restored.content == store.contents[number])
        }
        _ = try BackupPrune(objects, context: CallContext()).run(keep: 0, grace: 0, now: now)
        #expect(try bytes() == 0)
        #expect(try store.backUp(to: objects).reason == .isFirst)
        store.engine.close()
    }

    @Test("Of two programs that back up into one place at once, one is refused")
    func conflict() async throws {
        let store = try BackedUpStore(folder.path + "/store", seed: 18)
        for _ in 0..<8 { try await store.step() }
        let other = SQLiteStoreCopy(store.directory)
        let first = try other.writer(to: objects)
        #expect(failure { try store.backUp(to: objects) }?.reason == .maintenanceRuns)
        // An entry appears that the running backup does not expect, as a copy's would.
        let number = "entries/000000000001"
        _ = try objects.put(number, [1], ifAbsent: true, context: CallContext())
        let error = failure { try first.run(wantsState: false) }
        #expect(error?.reason == .corruptBackup || error?.reason == .backupConflict)
        try objects.delete(number, context: CallContext())
        store.engine.close()
    }
}

/// A second opener of a store with a backup that has begun.
private struct SQLiteStoreCopy {
    let directory: String

    init(_ directory: String) { self.directory = directory }

    func writer(to objects: any ObjectStore) throws -> BackupWriter {
        try BackupWriter(
            try SQLiteStore(
                directory: directory,
                durability: .relaxed,
                analysis: FTS5Analysis()
            ),
            in: directory,
            to: objects,
            redoLimit: 1 << 30,
            context: CallContext(timeout: .seconds(300))
        ) { _, _ in }
    }
}
