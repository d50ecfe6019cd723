// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneCredentials
import LodestoneServer
import LodestoneWire
import Logging
import TestSupport
import Testing

@Suite("Audit log")
struct AuditLogTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private static let tokens = "read reader-0123456789abcdef\nadmin admin-0123456789abcdef"

    private struct Line: Decodable, Equatable {
        var credential: String
        var call: String
        var collection: String?
        var outcome: String
        var reason: String?
    }

    /// Makes calls of two clients, and returns the lines of the log.
    private func lines(_ calls: AuditedCalls) async throws -> (lines: [Line], text: String) {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/audit"
        let log = try AuditLog(path: path, calls: calls, logger: Self.logger)
        try await withServer {
            $0.credentials = try? Credentials(text: Self.tokens, path: "tokens")
            $0.auditLog = log
        } _: { server in
            let wrong = try server.connectSilently()
            _ = try wrong.call(.hello(.test(token: "wrong-0123456789abcdef")))
            let reader = try server.connect(token: "reader-0123456789abcdef")
            let admin = try server.connect(token: "admin-0123456789abcdef")
            let create = Call.createCollection(name: "docs", CollectionOptions(dimension: 0))
            let write = Call.dropMany(DropManyRequest(collection: "docs", ids: ["a"]))
            #expect(try reader.call(.dropCollection(name: "docs\n{}\u{2028}")).error != nil)
            #expect(try admin.call(create).error == nil)
            #expect(try admin.call(create).error != nil)
            #expect(try admin.call(write).error == nil)
            #expect(try reader.call(.describeCollection(name: "docs")).error == nil)
            #expect(try reader.call(.ping).error == nil)
        }
        log.flush()
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        let lines = try text.split(separator: "\n").map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
        return (lines, text)
    }

    @Test("The audit log has denials and admin calls, each as one line without a token")
    func adminCalls() async throws {
        let (lines, text) = try await lines(.admin)
        #expect(
            lines == [
                Line(credential: "", call: "hello", outcome: "denied", reason: "UNAUTHENTICATED"),
                Line(
                    credential: "line 1",
                    call: "dropCollection",
                    collection: "docs?{}?",
                    outcome: "denied",
                    reason: "ROLE"
                ),
                Line(
                    credential: "line 2",
                    call: "createCollection",
                    collection: "docs",
                    outcome: "ok"
                ),
                Line(
                    credential: "line 2",
                    call: "createCollection",
                    collection: "docs",
                    outcome: "error",
                    reason: "COLLECTION_EXISTS"
                ),
            ]
        )
        #expect(!text.contains("0123456789"))
        #expect(!text.contains("\u{2028}"))
    }

    @Test(
        "The audit log has as many kinds of calls as its setting says",
        arguments: [
            (AuditedCalls.denials, ["hello", "dropCollection"]),
            (
                .writes,
                ["hello", "dropCollection", "createCollection", "createCollection", "dropMany"]
            ),
            (
                .all,
                [
                    "hello", "dropCollection", "createCollection", "createCollection", "dropMany",
                    "describeCollection", "ping",
                ]
            ),
        ]
    )
    func kinds(calls: AuditedCalls, expected: [String]) async throws {
        #expect(try await lines(calls).lines.map(\.call) == expected)
    }

    @Test("The audit log goes on in a new file after its file was renamed and it was opened again")
    func rotation() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/audit"
        let log = try AuditLog(path: path, calls: .all, logger: Self.logger)
        try await withServer {
            $0.auditLog = log
        } _: { server in
            let client = try server.connect()
            #expect(try client.call(.listCollections).error == nil)
            log.flush()
            try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
            #expect(try client.call(.ping).error == nil)
            log.reopen()
            #expect(try client.call(.stats).error == nil)
        }
        log.flush()
        let old = try String(contentsOfFile: path + ".1", encoding: .utf8)
        let new = try String(contentsOfFile: path, encoding: .utf8)
        #expect(old.contains("listCollections") && !new.contains("listCollections"))
        #expect(new.contains("\"stats\"") && !old.contains("\"stats\""))
    }

    @Test("An audit log that is a directory or in a missing one is refused")
    func badPath() throws {
        let directory = try TemporaryDirectory()
        for path in [directory.path, directory.path + "/none/audit"] {
            let error = #expect(throws: LodestoneError.self) {
                try AuditLog(path: path, calls: .all, logger: Self.logger)
            }
            #expect(error?.message.contains(path) == true)
        }
    }
}
