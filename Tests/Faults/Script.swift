// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import TestSupport

/// The same small batches for everybody who knows the seed, and the store after each of them.
struct Script: Sendable {
    let content: Content
    let batches: [Batch]
    /// What is there after the first N batches, by N.
    let models: [WriterModel]

    init(seed: UInt64, batchCount: Int) {
        var random = SeededGenerator(seed: seed)
        var model = WriterModel(name: "s", idCount: 60, batchSize: 6)
        var batches: [Batch] = []
        var models = [model]
        for _ in 0..<batchCount {
            let batch = model.nextBatch(using: &random)
            model.apply(batch)
            batches.append(batch)
            models.append(model)
        }
        content = Content(seed: seed)
        self.batches = batches
        self.models = models
    }

    /// The writer of the script after `acknowledged` replies, the one to the creation of the
    /// collection counted; with `isUnderWay` the next batch was sent.
    func writer(acknowledged: Int, isUnderWay: Bool) -> Writer {
        let done = max(0, acknowledged - 1)
        var writer = Writer(name: "s")
        writer.model = models[done]
        writer.lastSequenceNumber = UInt64(acknowledged)
        if isUnderWay && acknowledged > 0 && done < batches.count {
            writer.open = OpenBatch(
                batch: batches[done],
                requestID: .random(),
                error: LodestoneError(
                    .unknown,
                    reason: "UNDER_WAY",
                    "The batch was under way.",
                    recovery: "Look.",
                    outcome: .unknown
                )
            )
        }
        return writer
    }
}
