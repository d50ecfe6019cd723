// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import TestSupport
import Testing

@Suite("TLS of the server program", .timeLimit(.minutes(2)))
struct TLSProgramTests {
    /// The name in the certificate that the server shows to a new connection.
    private func shownName(_ endpoint: Endpoint) throws -> String {
        let talk = try TestAuthority.openssl(
            ["s_client", "-connect", "\(endpoint)", "-alpn", "lodestone/1"],
            mayFail: true
        )
        let line = talk.split(separator: "\n").first { $0.hasPrefix("subject=") }
        return line.map { String($0.dropFirst("subject=".count)) } ?? ""
    }

    @Test(
        "The program shows a replaced certificate by itself, and at once after SIGHUP",
        arguments: [false, true]
    )
    func reload(signals: Bool) async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let authority = try TestAuthority()
            let issued = try authority.issue("server", subject: "/CN=first")
            let program = try Program([
                "--data", directory.path, "--listen", "127.0.0.1:0",
                "--tls-certificate", issued.certificate, "--tls-key", issued.key,
            ])
            let endpoint = try program.endpoint()
            #expect(try shownName(endpoint).contains("first"))

            _ = try authority.issue("server", subject: "/CN=second")
            if signals { program.signal(SIGHUP) }
            while try !shownName(endpoint).contains("second") {}

            // A file that can't be used is refused as a whole, and the log says so.
            try Data("nothing".utf8).write(to: URL(fileURLWithPath: issued.certificate))
            if signals { program.signal(SIGHUP) }
            while !program.errors.contains("has no certificate") {}
            #expect(program.errors.contains("not reloaded"))
            #expect(try shownName(endpoint).contains("second"))
            program.signal(SIGTERM)
            #expect(program.status() == 0)
        }
    }

    @Test("The program refuses settings of TLS that can't work, in one line")
    func refusals() async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let issued = try TestAuthority().issue("server")
            let store = ["--data", directory.path + "/store"]
            let cases: [(arguments: [String], says: String)] = [
                (["--tls-certificate", issued.certificate], "--tls-key"),
                (["--tls-key", issued.key], "--tls-certificate"),
                (["--tls-client-ca", issued.certificate], "--tls-certificate"),
                (
                    ["--tls-certificate", directory.path + "/none", "--tls-key", issued.key],
                    "can't be opened"
                ),
            ]
            for (arguments, says) in cases {
                let program = try Program(store + arguments)
                #expect(program.status() == 78, "\(arguments)")
                #expect(program.errors.contains(says), "\(arguments) \(program.errors)")
                #expect(program.errors.split(separator: "\n").count == 1, "\(arguments)")
            }
        }
    }
}
