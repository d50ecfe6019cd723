// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneCore

/// Measures the calls per second over the wire, and their processor time, by a call that costs
/// nothing itself.
struct RPC: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Pings a server over several connections, several calls at once on each."
    )

    @OptionGroup var common: CommonOptions

    @Option(help: "Connections.")
    var connections = 1

    @Option(help: "Calls under way at once on each connection.")
    var inFlight = 1

    @Option(help: "Seconds.")
    var seconds = 2.0

    @Flag(help: "Call from tasks that run where the replies arrive, on the client's executor.")
    var onLoop = false

    func validate() throws {
        if common.inProcess {
            throw ValidationError("There is no wire in process; leave --in-process out.")
        }
    }

    func run() async throws {
        let store = BenchStore(common)
        defer { store.remove() }
        let target = try await ServerTarget(
            store.startServer(common),
            connections: connections
        )
        let clock = ContinuousClock()
        let (clientStart, serverStart) = (processorSeconds(), target.serverProcessorSeconds)
        let start = clock.now
        let end = start.advanced(by: .seconds(seconds))
        let latencies = try await withThrowingTaskGroup(of: [Double].self) { group in
            for client in target.clients {
                for _ in 0..<inFlight {
                    group.addTask(executorPreference: onLoop ? client.executor : nil) {
                        var latencies: [Double] = []
                        while clock.now < end {
                            let start = clock.now
                            _ = try await client.ping()
                            latencies.append((clock.now - start).seconds)
                        }
                        return latencies
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let elapsed = (clock.now - start).seconds
        let count = Double(latencies.count)
        let clientMicroseconds = 1e6 * (processorSeconds() - clientStart) / count
        let serverMicroseconds = 1e6 * (target.serverProcessorSeconds - serverStart) / count
        await target.close()
        Report(isJSON: common.json).add(
            Measurement(
                name: "rpc",
                value: count / elapsed,
                unit: "calls/s",
                parameters: [
                    ("connections", .number(Double(connections))),
                    ("in_flight", .number(Double(inFlight))),
                    ("on_loop", .number(onLoop ? 1 : 0)),
                    ("client_cpu_us", .number(clientMicroseconds)),
                    ("server_cpu_us", .number(serverMicroseconds)),
                    ("p50_us", .number(1e6 * latencies.quantile(0.5))),
                    ("p99_us", .number(1e6 * latencies.quantile(0.99))),
                ]
            )
        )
    }
}
