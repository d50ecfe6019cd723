// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import TestSupport

/// The disk fills up for real, again and again.
struct DiskFull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disk-full",
        abstract: "Fills the store's disk, frees some of it, and goes on."
    )

    @OptionGroup var options: RunOptions
    @Option(help: "ext4 or xfs.") var fs: LoopDisk.Format = .ext4
    @Option(help: "How often to fill it.") var fills = 3

    func run() async throws {
        try await options.carryOut { setup in
            var run = DiskFullRun(setup: setup, format: fs)
            do {
                for _ in 0..<fills { try await run.fill() }
            } catch {
                await run.cleanUp()
                throw error
            }
            await run.cleanUp()
            return run.summary
        }
    }
}

/// Several fills, each on an empty disk with one server that is never started again.
struct DiskFullRun {
    /// The room of the store until the disk is full, with the reserve that documents leave for
    /// drops.
    private static let roomMegabytes = 12 + 16

    let setup: RunSetup
    let format: LoopDisk.Format
    private var disk: LoopDisk?
    private var server: ServerProcess?
    private var fills = 0
    private var batches = 0
    private var refusals = 0

    init(setup: RunSetup, format: LoopDisk.Format) {
        self.setup = setup
        self.format = format
    }

    var summary: String {
        "\(fills) times full, \(batches) batches acknowledged, \(refusals) refused"
    }

    func cleanUp() async {
        await server?.end()
        try? await disk?.unmount()
    }

    mutating func fill() async throws {
        await cleanUp()
        // XFS has a larger least size.
        let megabytes = format == .ext4 ? 64 : 320
        let disk = try await LoopDisk.create(format, in: setup.folder, megabytes: megabytes)
        self.disk = disk
        let ballast = "\(disk.mountPoint)/ballast"
        let free = try FileManager.default.attributesOfFileSystem(forPath: disk.mountPoint)[
            .systemFreeSize
        ]
        let freeMegabytes = ((free as? NSNumber)?.intValue ?? 0) >> 20
        try write(max(1, freeMegabytes - Self.roomMegabytes), to: ballast)
        let server = try setup.startServer(on: "\(disk.mountPoint)/store")
        self.server = server
        let endpoint = try await server.waitUntilListening()
        try await Workload.createCollection(endpoint, setup.strategy())
        var workload = Workload(seed: setup.seed &+ UInt64(fills), writerCount: 1)
        let client = try await Faults.connect(endpoint)

        guard try await writeUntilRefused(&workload, client, atMost: 20_000) else {
            throw Finding(.refusal, "The disk was never full.")
        }
        // A full disk is a state, not an accident: writes stay refused, and reads are still
        // answered.
        for _ in 0..<5 where try await !writeUntilRefused(&workload, client, atMost: 1) {}
        try await workload.look(endpoint)
        try await drop(&workload, client)
        try await workload.look(endpoint)

        try FileManager.default.removeItem(atPath: ballast)
        guard try await !writeUntilRefused(&workload, client, atMost: 20) else {
            throw Finding(.lie, "There is room again, and batches are still refused.")
        }
        try await workload.look(endpoint)
        await client.close()
        try await server.kill()

        let again = try setup.startServer(on: "\(disk.mountPoint)/store")
        self.server = again
        try await workload.compare(try await again.waitUntilListening(), everything: true)
        fills += 1
        Output.say("fill \(fills): \(batches) batches so far")
    }

    /// - Returns: Whether a batch was refused.
    private mutating func writeUntilRefused(
        _ workload: inout Workload,
        _ client: LodestoneClient,
        atMost count: Int
    ) async throws -> Bool {
        for _ in 0..<count {
            let error = try await workload.writers[0].step(
                client,
                workload.content,
                &workload.random
            )
            guard let error else {
                batches += 1
                continue
            }
            guard error.code == .resourceExhausted, error.outcome == .notApplied else {
                throw Finding(.lie, "A full disk is not called that: \(error)")
            }
            refusals += 1
            return true
        }
        return false
    }

    /// Drops documents, which must work while no other write does.
    private func drop(_ workload: inout Workload, _ client: LodestoneClient) async throws {
        guard let id = workload.writers[0].model.documents.keys.min() else { return }
        var batch = Batch(number: workload.writers[0].model.batchCount + 1)
        batch.dropped = [id]
        do {
            _ = try await client.collection(Faults.collection)
                .drop([try DocumentID(id)], requestID: .random())
            workload.writers[0].touched.formUnion(workload.writers[0].model.apply(batch))
        } catch {
            throw Finding(.refusal, "A drop is refused by a full disk: \(error)")
        }
    }

    private func write(_ megabytes: Int, to path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw Finding(.refusal, "\(path) can't be written.") }
        let bytes = Data(repeating: 7, count: 1 << 20)
        for _ in 0..<megabytes { try file.write(contentsOf: bytes) }
        try file.close()
    }
}
