// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// One pass over the queries of a measurement, with its cost.
struct QueryPass {
    private(set) var seconds = Double.infinity
    /// Seconds of processor time of this process; `serverProcessor` has the server's.
    private(set) var processor = 0.0
    private(set) var serverProcessor = 0.0
    /// The seconds of each call, and the results, in the order of the calls.
    private(set) var latencies: [Double] = []
    private(set) var results: [QueryResult] = []

    /// Sends calls to the collection `bench`.
    ///
    /// - Parameters:
    ///   - calls: The queries of each call.
    ///   - target: The target.
    ///   - clients: Connections, which send queries at the same time.
    ///   - inFlight: The calls in flight on each connection.
    ///   - onLoop: Whether tasks run on the event loop of their connection.
    /// - Returns: The results and the cost.
    /// - Throws: The first error of a call.
    static func run(
        _ calls: [[Query]],
        on target: any BenchTarget,
        clients: Int,
        inFlight: Int,
        onLoop: Bool = false
    ) async throws -> QueryPass {
        let clock = ContinuousClock()
        let processor = processorSeconds()
        let serverProcessor = target.serverProcessorSeconds
        let start = clock.now
        let workers = clients * inFlight
        let measured = try await withThrowingTaskGroup(
            of: [(index: Int, seconds: Double, results: [QueryResult])].self
        ) { group in
            // Each worker runs its share, and sends its next query after the last result.
            for worker in 0..<min(workers, calls.count) {
                let executor = onLoop ? target.executor(of: worker % clients) : nil
                group.addTask(executorPreference: executor) {
                    var measured: [(index: Int, seconds: Double, results: [QueryResult])] = []
                    for index in stride(from: worker, to: calls.count, by: workers) {
                        let start = clock.now
                        let results = try await target.search(
                            "bench",
                            calls[index],
                            connection: worker % clients
                        )
                        measured.append((index, (clock.now - start).seconds, results))
                    }
                    return measured
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        var pass = QueryPass()
        pass.seconds = (clock.now - start).seconds
        pass.processor = processorSeconds() - processor
        pass.serverProcessor = target.serverProcessorSeconds - serverProcessor
        let ordered = measured.sorted { $0.index < $1.index }
        pass.latencies = ordered.map(\.seconds)
        pass.results = ordered.flatMap(\.results)
        return pass
    }
}
