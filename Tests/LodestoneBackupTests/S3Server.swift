// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneBackup
import LodestoneCore
import LodestoneSystem
import TestSupport
import Testing

/// SeaweedFS with its S3 port, on ports of its own, for one test.
///
/// `make s3-tools` installs it. `LODESTONE_WEED` names another program.
final class S3Server {
    static let program: String? = {
        let path = ProcessInfo.processInfo.environment["LODESTONE_WEED"] ?? ".build/s3/bin/weed"
        if FileManager.default.isExecutableFile(atPath: path) { return path }
        print("SKIPPED: no SeaweedFS at \(path), so S3 is not tested. Run 'make s3-tools'.")
        return nil
    }()
    static let credentials = S3Credentials(keyID: "key", secretKey: "secret")

    let port: UInt16
    private let folder: TemporaryDirectory
    private let ports: [UInt16]
    private var process: Process?

    init(_ folder: TemporaryDirectory) async throws {
        self.folder = folder
        // Each port has a second one for gRPC, 10,000 above it.
        ports = try (0..<4).map { _ in try Self.freePort() }
        port = ports[0]
        _ = try folder.write(
            "s3.json",
            """
            {"identities": [{"name": "test",
              "credentials": [{"accessKey": "key", "secretKey": "secret"}],
              "actions": ["Admin", "Read", "Write", "List"]}]}
            """
        )
        try FileManager.default.createDirectory(
            atPath: folder.path + "/weed",
            withIntermediateDirectories: true
        )
        try await start()
    }

    // SeaweedFS takes long to end by itself.
    deinit { if let process { SystemCall.kill(process.processIdentifier) } }

    /// Starts the server on its data, and waits until it has the bucket.
    func start() async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.program))
        process.arguments = [
            "server", "-dir=\(folder.path)/weed", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            "-master.volumeSizeLimitMB=64", "-volume.max=8", "-s3", "-s3.port=\(ports[0])",
            "-s3.config=\(folder.path)/s3.json", "-master.port=\(ports[1])",
            "-volume.port=\(ports[2])", "-filer.port=\(ports[3])",
            // These have ports of their own, which another server may use.
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
        let objects = try S3ObjectStore(try configuration(retryTime: .seconds(1)))
        let end = ContinuousClock.now.advanced(by: .seconds(120))
        while true {
            do {
                // The server creates the bucket with its first object.
                let context = CallContext(timeout: .seconds(30))
                _ = try objects.put("ready", [1], ifAbsent: false, context: context)
                return
            } catch {
                guard ContinuousClock.now < end else { throw error }
            }
        }
    }

    /// Ends the server as a power cut would.
    func kill() {
        guard let process else { return }
        SystemCall.kill(process.processIdentifier)
        process.waitUntilExit()
        self.process = nil
    }

    func configuration(
        port: UInt16? = nil,
        retryTime: Duration = .seconds(30),
        stallSeconds: Int = 5
    ) throws -> S3Configuration {
        var configuration = try S3Configuration(
            bucket: "backups",
            prefix: "store",
            endpoint: "http://127.0.0.1:\(port ?? self.port)"
        ) { ["AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"][$0] }
        configuration.retryTime = retryTime
        configuration.stallSeconds = stallSeconds
        return configuration
    }

    private static func freePort() throws -> UInt16 {
        for _ in 0..<100 {
            let port = UInt16.random(in: 10_000..<22_000)
            if SystemCall.isFree(port), SystemCall.isFree(port + 10_000) { return port }
        }
        throw POSIXError(.EADDRINUSE)
    }
}

enum SystemCall {
    static func kill(_ process: Int32) { _ = LodestoneSystem.kill(process, SIGKILL) }

    static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
