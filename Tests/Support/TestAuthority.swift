// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A certificate authority of one test, made by the program `openssl`.
package final class TestAuthority: Sendable {
    /// A certificate and its key, as paths of files.
    package struct Issued: Sendable {
        /// The file with the certificate.
        package var certificate: String
        /// The file with the key.
        package var key: String
    }

    /// The file with the certificate of the authority.
    package var certificate: String { directory.path + "/ca.pem" }

    private let directory: TemporaryDirectory
    private static let newKey = [
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
    ]

    /// Makes an authority with a key of its own.
    package init(name: String = "authority") throws {
        directory = try TemporaryDirectory()
        try Self.openssl(
            ["req", "-x509"] + Self.newKey + [
                directory.path + "/ca.key", "-out", directory.path + "/ca.pem", "-days", "2",
                "-subj", "/CN=\(name)",
            ]
        )
    }

    /// Makes a key, and signs a certificate for it.
    ///
    /// - Parameters:
    ///   - file: The beginning of the names of the two files.
    ///   - subject: The subject, as the program wants it.
    ///   - names: The alternative names of the subject.
    ///   - days: The days until the end of its validity; negative for one that has ended.
    /// - Returns: The paths of the two files.
    /// - Throws: When the program fails.
    package func issue(
        _ file: String,
        subject: String = "/O=Example/CN=server",
        names: String = "DNS:localhost,IP:127.0.0.1",
        days: Int = 1
    ) throws -> Issued {
        let path = directory.path + "/" + file
        let issued = Issued(certificate: path + ".pem", key: path + ".key")
        try Self.openssl(
            ["req", "-new"] + Self.newKey + [
                issued.key, "-out", path + ".csr", "-subj", subject, "-addext",
                "subjectAltName=" + names, "-addext", "basicConstraints=CA:FALSE",
            ]
        )
        try Self.openssl([
            "x509", "-req", "-in", path + ".csr", "-CA", certificate, "-CAkey",
            directory.path + "/ca.key", "-days", "\(days)", "-copy_extensions", "copy", "-out",
            issued.certificate,
        ])
        return issued
    }

    /// Runs the program with `arguments`, and `input` as its input.
    ///
    /// It blocks.
    ///
    /// - Returns: The output, on either channel.
    @discardableResult
    package static func openssl(
        _ arguments: [String],
        input: String = "",
        mayFail: Bool = false
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        let (given, output) = (Pipe(), Pipe())
        process.standardInput = given
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try given.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try given.fileHandleForWriting.close()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let text = String(decoding: data, as: UTF8.self)
        guard mayFail || process.terminationStatus == 0 else { throw OpenSSLFailure(text: text) }
        return text
    }
}

/// The program `openssl` has failed.
private struct OpenSSLFailure: Error {
    var text: String
}
