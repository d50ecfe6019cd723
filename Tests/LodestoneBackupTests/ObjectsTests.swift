// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneBackup
import LodestoneCore
import LodestoneSystem
import Synchronization
import TestSupport
import Testing

@Suite("Backup objects", .serialized, .timeLimit(.minutes(10)))
struct ObjectsTests {
    let folder: TemporaryDirectory
    private let context = CallContext(timeout: .seconds(300))

    init() throws {
        folder = try TemporaryDirectory()
    }

    private func checkAll(_ objects: any ObjectStore) throws {
        let get = { (key: String) in
            try objects.get(key, maxBytes: 1_000, prefixBytes: nil, context: context)
        }
        #expect(try get("entries/1") == nil)
        #expect(try objects.put("entries/1", [1, 2, 3], ifAbsent: true, context: context))
        #expect(try !objects.put("entries/1", [9], ifAbsent: true, context: context))
        #expect(try get("entries/1") == [1, 2, 3])
        #expect(
            try objects.get("entries/1", maxBytes: 2, prefixBytes: 2, context: context) == [1, 2]
        )
        #expect(
            failure {
                try objects.get("entries/1", maxBytes: 2, prefixBytes: nil, context: context)
            }?
            .reason == .badBackup
        )
        #expect(try objects.put("entries/1", [4], ifAbsent: false, context: context))
        #expect(try get("entries/1") == [4])
        for key in ["entries/2", "entries/10", "chunks/ab/ff", "chunks/aa/00"] {
            #expect(try objects.put(key, [7], ifAbsent: false, context: context))
        }
        let list = { (prefix: String, last: String?, limit: Int) in
            try objects.list(prefix, after: last, limit: limit, context: context).map(\.key)
        }
        #expect(try list("entries/", nil, 1_000) == ["entries/1", "entries/10", "entries/2"])
        #expect(try list("entries/", "entries/1", 1) == ["entries/10"])
        #expect(try list("entries/", "entries/2", 1).isEmpty)
        #expect(try list("chunks/", nil, 1_000) == ["chunks/aa/00", "chunks/ab/ff"])
        let info = try objects.list("entries/", after: nil, limit: 1, context: context).first
        #expect(info?.byteCount == 1)
        #expect(abs((info?.modifiedAt ?? 0) - Int64(Date().timeIntervalSince1970)) < 100)
        try objects.delete("entries/2", context: context)
        try objects.delete("entries/2", context: context)
        #expect(try list("entries/", nil, 1_000) == ["entries/1", "entries/10"])
        let cancelled = CallContext(timeout: .seconds(10))
        cancelled.cancel()
        #expect(
            failure {
                try objects.put("entries/3", [1], ifAbsent: true, context: cancelled)
            }?.code == .cancelled
        )
        for key in ["../x", "a//b", "/etc/passwd", ".x", "a b", "ä", ""] {
            #expect(
                failure { try objects.put(key, [1], ifAbsent: true, context: context) } != nil,
                "\(key)"
            )
        }
    }

    private func race(_ objects: any ObjectStore) {
        let winners = Mutex<[Int: Int]>([:])
        let count = 24
        DispatchQueue.concurrentPerform(iterations: count * 4) { index in
            let (key, writer) = (index % count, index / count)
            let content = [UInt8](repeating: UInt8(writer), count: 100)
            let isWritten = try? objects.put(
                "race/\(key)",
                content,
                ifAbsent: true,
                context: context
            )
            if isWritten == true { winners.withLock { $0[key, default: 0] += 1 } }
        }
        winners.withLock { winners in
            #expect(winners.count == count && winners.values.allSatisfy { $0 == 1 })
        }
    }

    @Test("A directory keeps, lists and deletes objects, and keeps the first of a name")
    func files() throws {
        let objects = FileObjectStore(directory: folder.path + "/objects")
        try checkAll(objects)
        race(objects)
    }

    @Test(
        "An S3 server keeps, lists and deletes objects, and keeps the first of a name",
        .enabled(if: S3Server.program != nil)
    )
    func s3() async throws {
        let server = try await S3Server(folder)
        let objects = try S3ObjectStore(try server.configuration())
        try checkAll(objects)
        race(objects)
        var wrong = try server.configuration()
        wrong.credentials.secretKey = "other"
        let refused = failure {
            try S3ObjectStore(wrong).put("x", [1], ifAbsent: false, context: context)
        }
        #expect(refused?.code == .permissionDenied)
    }

    @Test(
        "Backups pass a network that loses replies, cuts requests, stalls and fails",
        .enabled(if: S3Server.program != nil)
    )
    func unreliable() async throws {
        let server = try await S3Server(folder)
        let proxy = try UnreliableProxy(to: server.port) { number in
            switch number % 9 {
            case 1: .loseReply
            case 2: .cutRequest
            case 4: .fail
            case 5: .refuse
            case 7: number % 18 == 7 ? .stall : .loseReply
            default: .pass
            }
        }
        defer { proxy.close() }
        let objects = try S3ObjectStore(
            try server.configuration(port: proxy.port, retryTime: .seconds(60), stallSeconds: 1)
        )
        let store = try BackedUpStore(folder.path + "/store", seed: 31)
        for _ in 0..<6 {
            for _ in 0..<5 { try await store.step() }
            // A connection of its own for each run, so that the treatments are used.
            let fresh = try S3ObjectStore(
                try server.configuration(port: proxy.port, retryTime: .seconds(60), stallSeconds: 1)
            )
            try store.backUp(to: fresh)
        }
        #expect(proxy.connections > 8)
        let restored = try await BackedUpStore.restored(from: objects, .newest, in: folder)
        #expect(restored.content == store.contents[store.last])
        store.engine.close()
    }

    @Test(
        "A server that dies during a backup leaves backups that can be restored",
        .enabled(if: S3Server.program != nil)
    )
    func dyingServer() async throws {
        let server = try await S3Server(folder)
        let objects = try S3ObjectStore(try server.configuration(retryTime: .seconds(1)))
        let store = try BackedUpStore(folder.path + "/store", seed: 32)
        for _ in 0..<5 { try await store.step() }
        try store.backUp(to: objects)
        let before = store.last
        for _ in 0..<5 { try await store.step() }
        server.kill()
        #expect(failure { try store.backUp(to: objects) }?.code == .unavailable)
        try await server.start()
        let old = try await BackedUpStore.restored(
            from: objects,
            .sequenceNumber(before),
            in: folder,
            "old"
        )
        #expect(old.content == store.contents[before])
        #expect(try store.backUp(to: objects).reason == nil)
        let newest = try await BackedUpStore.restored(from: objects, .newest, in: folder)
        #expect(newest.content == store.contents[store.last])
        store.engine.close()
    }

    @Test("Signatures are those of Amazon's published examples")
    func signatures() {
        let signer = RequestSigner(
            credentials: S3Credentials(
                keyID: "AKIAIOSFODNN7EXAMPLE",
                secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
            ),
            region: "us-east-1",
            host: "examplebucket.s3.amazonaws.com"
        )
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        let signature = { (query: [(name: String, value: String)]) in
            signer.headers("GET", path: "/", query: query, bodySum: empty, at: 1_369_353_600)
                .last?.split(separator: "=").last.map(String.init)
        }
        #expect(
            signature([("lifecycle", "")])
                == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        )
        #expect(
            signature([("max-keys", "2"), ("prefix", "J")])
                == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        )
    }

    @Test("Data leaves the machine without TLS only if that is permitted by name")
    func clearText() throws {
        let configuration = { (endpoint: String) in
            try S3Configuration(bucket: "b", prefix: "p", endpoint: endpoint) { _ in "x" }
        }
        for endpoint in ["http://127.0.0.1:9000", "http://localhost", "https://s3.example.com"] {
            _ = try S3ObjectStore(try configuration(endpoint))
        }
        for endpoint in [
            "http://s3.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1",
        ] {
            let error = failure { try S3ObjectStore(try configuration(endpoint)) }
            #expect(error?.reason == .badEndpoint, "\(endpoint)")
            var permitted = try configuration(endpoint)
            permitted.allowsClearText = true
            _ = try S3ObjectStore(permitted)
        }
        for endpoint in ["ftp://x", "s3.example.com", "https://", "https://a/b", "https://u@h"] {
            #expect(
                failure { try S3ObjectStore(try configuration(endpoint)) } != nil,
                "\(endpoint)"
            )
        }
    }
}
