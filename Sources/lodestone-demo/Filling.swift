// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneImport
import Synchronization

/// Sends all documents and edges of a reader into a collection, and prints the speed.
///
/// - Returns: The edges that leave the documents sent.
@discardableResult
func fill<Reader: BatchReader>(
    _ collection: LodestoneClient.Collection,
    _ label: String,
    _ unit: String,
    _ reader: sending Reader
) async throws -> Int {
    let edges = Atomic(0)
    let run = ImportRun(
        options: ImportOptions(isStrict: true),
        runID: .random(in: .min ... .max)
    ) { (batch, id) async throws(LodestoneError) in
        let leaving = batch.documents.reduce(0) { $0 + $1.edges.count }
        edges.add(leaving, ordering: .relaxed)
        return try await collection.indexMany(batch.documents, edges: batch.edges, requestID: id)
    }
    let meter = ProgressMeter(label, unit: unit)
    let end = try await run.run(reader) { progress throws(LodestoneError) in
        meter.update(count: progress.accepted, fraction: progress.fractionDone)
    }
    let elapsed = meter.finish()
    say(
        "\(label): \(grouped(end.accepted)) \(unit) written durably in \(seconds(elapsed)), "
            + "\(rate(end.accepted, elapsed)) a second"
    )
    return edges.load(ordering: .relaxed)
}
