// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import TestSupport

/// The power is cut while a server writes on its own file system.
struct PowerCut: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Cuts the power of the store's disk while it is written to.",
        discussion: """
            The disk is a file on a loop device; its file system is cut off without writing out \
            its journal, and mounted again. Needs root. It can't show a disk that \
            reorders flushed writes; crash-states does.
            """
    )

    @OptionGroup var options: RunOptions
    @Option(help: "ext4 or xfs.") var fs: LoopDisk.Format = .ext4
    @Option(help: "How often to cut the power.") var cycles = 20
    @Option(help: "Clients that write at the same time.") var writers = 4
    @Option(help: "More clients that have each a quiet collection.") var quiet = 3

    func run() async throws {
        try await options.carryOut { setup in
            var run = PowerCutRun(
                setup: setup,
                format: fs,
                workload: Workload(seed: setup.seed, writerCount: writers, quietCount: quiet)
            )
            do {
                try await run.run(cycles: cycles)
            } catch {
                Output.say(run.summary)
                await run.cleanUp()
                throw error
            }
            await run.cleanUp()
            return run.summary
        }
    }
}

extension LoopDisk.Format: ExpressibleByArgument {}

/// The cycles of one run: write, cut the power, mount, compare and go on writing.
struct PowerCutRun {
    /// The cycles after which an empty disk replaces the disk.
    ///
    /// So the power is also cut while a store is created.
    private static let cyclesPerDisk = 40

    let setup: RunSetup
    let format: LoopDisk.Format
    var workload: Workload

    private var disk: LoopDisk?
    private var server: ServerProcess?
    private var cycles = 0

    init(setup: RunSetup, format: LoopDisk.Format, workload: Workload) {
        self.setup = setup
        self.format = format
        self.workload = workload
    }

    var summary: String { "\(format): \(cycles) power cuts, \(workload.summary)" }

    mutating func run(cycles: Int) async throws {
        for _ in 0..<cycles {
            if self.cycles.isMultiple(of: Self.cyclesPerDisk) { try await changeDisk() }
            try await writeAndCut()
            self.cycles += 1
        }
        let endpoint = try await start()
        try await workload.compare(endpoint, everything: true)
        try await server?.kill()
    }

    /// Unmounts the disk, after any outcome.
    func cleanUp() async {
        try? await server?.kill()
        try? await disk?.unmount()
    }

    private mutating func changeDisk() async throws {
        try await disk?.unmount()
        disk = nil
        disk = try await LoopDisk.create(format, in: setup.folder, megabytes: 384)
        workload.forgetStore()
        let endpoint = try await start()
        try await workload.createCollections(endpoint, setup.strategy())
        try await server?.kill()
    }

    private mutating func start() async throws -> String {
        guard let disk else { throw Finding(.refusal, "There is no disk.") }
        let server = try setup.startServer(on: "\(disk.mountPoint)/store")
        self.server = server
        return try await server.waitUntilListening()
    }

    private mutating func writeAndCut() async throws {
        let endpoint = try await start()
        try await workload.compare(endpoint)
        guard let server, let disk else { return }
        let delay = Duration.milliseconds(Int.random(in: 5...400, using: &workload.random))
        let before = workload.acknowledgedBatches
        try await workload.write(to: [endpoint]) { strike in
            try await Task.sleep(for: delay)
            strike.allowFailures()
            // Before the power is cut, no write is on its way to the disk, and every reply has
            // arrived.
            try await server.pause()
            try await Task.sleep(for: .milliseconds(20))
            try await disk.cutPower()
            try await server.kill()
        }
        try await disk.unmount()
        try await disk.mount()
        Output.say(
            "cycle \(cycles + 1): \(workload.acknowledgedBatches - before) batches acknowledged, "
                + "power cut after \(delay)"
        )
    }
}
