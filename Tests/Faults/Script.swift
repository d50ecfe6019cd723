// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import TestSupport

/// How large the store of a script is.
struct ScriptSize: Equatable {
    /// Batches that stand in the log, after the base; and those of them that stand in the
    /// write-ahead log only.
    static let (logged, ahead) = (6, 2)
    /// Documents of a batch that every opening replays.
    private static let largestLogged = 60
    private static let largestSmallStore = 1_000

    var batches: Int
    var documents = 60
    var dimension = Content.usualDimension
    var words = Content.usualWords

    /// Whether there are too many documents to look for each of them in every way.
    var isLarge: Bool { documents > Self.largestSmallStore }

    fileprivate var vocabulary: Int { isLarge ? documents / 2 : Content.usualVocabulary }

    fileprivate func largestBatch(_ index: Int) -> Int {
        let size = max(1, documents / 10)
        return index < batches - Self.logged ? size : min(size, Self.largestLogged)
    }
}

/// The same for those who run the program.
struct ScriptOptions: ParsableArguments {
    @Option(help: "Batches in the store, at least 10.") var batches = 30
    @Option(
        help: """
            Ids that its documents have; a batch has up to a tenth of them. Of more than 1,000 \
            not each is looked for in every way: questions are asked whose answers were noted \
            before the damage.
            """
    )
    var documents = 60
    @Option(help: "Elements of a vector.") var dimension = Content.usualDimension
    @Option(help: "The most words of a text.") var words = Content.usualWords

    func validate() throws {
        guard batches >= 10, documents >= 10, dimension > 0, words > 0 else {
            throw ValidationError("At least 10 batches, 10 documents, an element and a word.")
        }
    }

    var size: ScriptSize {
        ScriptSize(batches: batches, documents: documents, dimension: dimension, words: words)
    }

    /// What to tell another program.
    static func arguments(_ size: ScriptSize) -> [String] {
        [
            "--batches", "\(size.batches)", "--documents", "\(size.documents)",
            "--dimension", "\(size.dimension)", "--words", "\(size.words)",
        ]
    }
}

/// The same batches for everybody who knows the seed and the size, and the store after each of
/// them.
struct Script: Sendable {
    let size: ScriptSize
    let content: Content
    let batches: [Batch]
    /// What is there after the first N batches, by N.
    let models: [WriterModel]

    init(seed: UInt64, size: ScriptSize) {
        var random = SeededGenerator(seed: seed)
        var model = WriterModel(name: "s", idCount: size.documents, batchSize: size.documents)
        var batches: [Batch] = []
        var models = [model]
        for index in 0..<size.batches {
            let batch = model.nextBatch(atMost: size.largestBatch(index), using: &random)
            model.apply(batch)
            batches.append(batch)
            models.append(model)
        }
        self.size = size
        content = Content(
            seed: seed,
            dimension: size.dimension,
            longestText: size.words,
            vocabulary: size.vocabulary
        )
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
