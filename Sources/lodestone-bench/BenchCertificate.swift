// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient

/// A certificate that a measured server shows, made by the program `openssl`.
struct BenchCertificate: Sendable {
    private let certificate: String
    private let key: String

    /// Makes the certificate in a directory.
    init(directory: String) throws {
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        certificate = directory + "/bench.pem"
        key = directory + "/bench.key"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=bench",
            "-addext", "subjectAltName=IP:127.0.0.1",
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ValidationFailure(text: "the program openssl made no certificate")
        }
    }

    /// The arguments of the server.
    var arguments: [String] { ["--tls-certificate", certificate, "--tls-key", key] }

    /// The settings of a client.
    var tls: LodestoneClient.TLS { LodestoneClient.TLS(authorities: certificate) }
}
