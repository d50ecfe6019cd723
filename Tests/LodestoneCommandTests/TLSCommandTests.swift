// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("Command line with TLS", .timeLimit(.minutes(2)))
struct TLSCommandTests {
    private func ping(
        _ arguments: [String],
        environment: [String: String] = [:]
    ) async throws -> Outcome {
        try await Programs.run("lodestone", ["ping"] + arguments, environment: environment)
    }

    @Test("The command line talks to a server over TLS, by options, by address and by variables")
    func ping() async throws {
        let (authority, clients) = (try TestAuthority(), try TestAuthority(name: "clients"))
        let issued = try authority.issue("server")
        let shown = try clients.issue("client", subject: "/CN=app", names: "URI:app:one")
        let server = try await TestServer.start(environment: [
            "LODESTONE_TLS_CERTIFICATE": issued.certificate, "LODESTONE_TLS_KEY": issued.key,
            "LODESTONE_TLS_CLIENT_CA": clients.certificate,
        ])
        let certificate = ["--cert", shown.certificate, "--key", shown.key]
        let options = ["--ca", authority.certificate] + certificate
        let variables = [
            "LODESTONE_ADDRESS": "lodestones://" + server.address,
            "LODESTONE_CA": authority.certificate, "LODESTONE_CERT": shown.certificate,
            "LODESTONE_KEY": shown.key,
        ]
        let cases: [(arguments: [String], environment: [String: String])] = [
            (["--address", server.address] + options, [:]),
            (["--address", "lodestones://" + server.address] + options, [:]),
            ([], variables),
        ]
        for (arguments, environment) in cases {
            let outcome = try await ping(arguments, environment: environment)
            #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
        }

        let address = ["--address", server.address]
        let unknown = try await ping(address + ["--tls"] + certificate)
        #expect(unknown.status == 77)
        #expect(unknown.errors.contains("TLS_CERTIFICATE"), "\(unknown.errors)")
        let none = try await ping(address + ["--ca", authority.certificate])
        #expect(none.status == 77)
        #expect(none.errors.contains("TLS_REFUSED"), "\(none.errors)")
        let clear = try await ping(address)
        #expect(clear.status == 65)
        #expect(clear.errors.contains("lodestones://"), "\(clear.errors)")
        let scheme = try await ping(["--address", "lodestone://" + server.address] + options)
        #expect(scheme.status == 65)
        #expect(scheme.errors.contains("clear text"), "\(scheme.errors)")
    }
}
