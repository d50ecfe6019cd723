// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneImport
import LodestoneJSON

/// The server's address, the credential, and the form of the output.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: """
            The server: HOST:PORT, lodestones://HOST:PORT (with TLS) or unix:PATH. (default: \
            LODESTONE_ADDRESS, or 127.0.0.1:5633)
            """
    )
    var address: String?

    @OptionGroup var encryption: EncryptionOptions

    @Option(
        help: "A file with the token to show. (default: the token in LODESTONE_TOKEN, if any)",
        completion: .file()
    )
    var tokenFile: String?

    @Option(help: "Seconds that one call may take. (default: 30; 300 for long work)")
    var deadline: Double?

    @Flag(help: "Print JSON for programs.")
    var json = false

    mutating func validate() throws {
        // NaN fails both comparisons, so it is refused, too.
        if let deadline, !(deadline > 0 && deadline <= 86_400) {
            throw ValidationError("--deadline is \(deadline) seconds; more than 0, at most 86400.")
        }
    }

    /// The address that is used.
    var resolvedAddress: String {
        address ?? ProcessInfo.processInfo.environment["LODESTONE_ADDRESS"] ?? "127.0.0.1:5633"
    }

    /// The deadline of calls that read or write a whole store.
    var longDeadline: Duration { .milliseconds(Int64((deadline ?? 86_400) * 1_000)) }

    /// Opens a connection.
    func connect() async throws(LodestoneError) -> LodestoneClient {
        var configuration = try LodestoneClient.Configuration(
            address: resolvedAddress,
            token: try token(),
            tls: encryption.settings(for: resolvedAddress)
        )
        configuration.deadline = .milliseconds(Int64((deadline ?? 30) * 1_000))
        configuration.clientName = "lodestone \(LodestoneVersion.release)"
        return try await LodestoneClient.connect(configuration)
    }

    private func token() throws(LodestoneError) -> String? {
        guard let tokenFile else { return ProcessInfo.processInfo.environment["LODESTONE_TOKEN"] }
        do {
            let text = try String(contentsOfFile: tokenFile, encoding: .utf8)
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        } catch {
            throw LodestoneError(
                .notFound,
                reason: .file,
                "Can't read the token file \(tokenFile).",
                recovery: "Check the path and its permissions.",
                object: tokenFile
            )
        }
    }
}

/// A subcommand that makes calls to a server and prints the results.
protocol ClientCommand: AsyncParsableCommand {
    var connection: ConnectionOptions { get }

    /// Makes the calls.
    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput
}

extension ClientCommand {
    mutating func run() async throws {
        try await CommandOutput.print(asJSON: connection.json) { () async throws(LodestoneError) in
            let client = try await connection.connect()
            let output: CommandOutput
            do throws(LodestoneError) {
                output = try await run(client)
            } catch {
                await client.close()
                throw error
            }
            await client.close()
            return output
        }
    }
}

/// The output of a command: text for people, and JSON for programs.
struct CommandOutput {
    var text: String
    var json: JSON
    /// The exit status; not 0 if the command worked and its result is bad.
    var status: Int32 = 0
    /// Whether the command has already printed everything.
    var isQuiet = false

    /// Prints the output of `body`, or its error, and ends the command with the exit status.
    static func print(
        asJSON isJSON: Bool,
        _ body: () async throws(LodestoneError) -> CommandOutput
    ) async throws {
        let output: CommandOutput
        do throws(LodestoneError) {
            output = try await body()
        } catch {
            if isJSON { Swift.print(JSON(error).text) }
            let lines = "\(error.message)\n\(error.recovery) [\(error.code.name) \(error.reason)]\n"
            FileHandle.standardError.write(Data("lodestone: \(lines)".utf8))
            throw ExitCode(error.code.exitStatus)
        }
        if !output.isQuiet { Swift.print(isJSON ? output.json.text : output.text) }
        if output.status != 0 { throw ExitCode(output.status) }
    }
}

extension LodestoneError.Code {
    /// The closest exit status of sysexits.h.
    var exitStatus: Int32 {
        switch self {
        case .invalidArgument, .alreadyExists, .failedPrecondition, .outOfRange: 65
        case .notFound: 66
        case .unavailable: 69
        case .internal, .unimplemented: 70
        case .dataLoss: 74
        case .cancelled, .unknown, .deadlineExceeded, .resourceExhausted, .aborted: 75
        case .permissionDenied, .unauthenticated: 77
        }
    }
}
