// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import TestSupport

/// The size of a script's store.
struct ScriptSize: Equatable {
    /// The number of batches that are in the log after the base, and how many of them are in the
    /// write-ahead log only.
    static let (logged, ahead) = (6, 2)
    /// The most documents of a batch that every opening replays.
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

/// The size of a script's store, as command-line options.
struct ScriptOptions: ParsableArguments {
    @Option(help: "Batches in the store, at least 10.") var batches = 30
    @Option(
        help: """
            Ids that its documents have; a batch has up to a tenth of them. With more than 1,000 \
            not each is searched in every way: the run compares results of queries with those \
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

    /// The arguments that pass the size to another program.
    static func arguments(_ size: ScriptSize) -> [String] {
        [
            "--batches", "\(size.batches)", "--documents", "\(size.documents)",
            "--dimension", "\(size.dimension)", "--words", "\(size.words)",
        ]
    }
}

/// The batches for a seed and a size, and the expected store after each of them.
///
/// The same seed and size give the same batches in every process. Most are in one collection, and a
/// few in a quiet one.
struct Script: Sendable {
    struct Step: Sendable {
        /// The index of the writer in `Script.writers`.
        var writer: Int
        var collection: String
        var batch: Batch
        /// The number of the step, from 1 on.
        var number: Int
    }

    /// Writers before their first write, each with its own collection.
    static func writers(_ size: ScriptSize) -> [Writer] {
        [
            Writer(name: "s", idCount: size.documents, batchSize: size.documents),
            Writer.quiet("t"),
        ]
    }

    /// The number of sequence numbers before the first step: the creation of each collection.
    static let creations = 2
    /// One of so many steps is in the quiet collection.
    private static let stepsPerQuiet = 16
    /// Steps at the start that are also in the quiet collection, after which the log is forgotten.
    private static let firstQuiet = [1, 3]

    let size: ScriptSize
    let content: Content
    let steps: [Step]
    /// The writers after the first N steps, at index N.
    private let states: [[Writer]]

    init(seed: UInt64, size: ScriptSize) {
        var random = SeededGenerator(seed: seed)
        var writers = Self.writers(size)
        var steps: [Step] = []
        var states = [writers]
        for index in 0..<size.batches {
            let isQuiet =
                Self.firstQuiet.contains(index)
                || index % Self.stepsPerQuiet == Self.stepsPerQuiet - 1
            let setup = isQuiet ? 1 : 0
            let limit = isQuiet ? Int.max : size.largestBatch(index)
            let batch = writers[setup].model.nextBatch(atMost: limit, using: &random)
            writers[setup].model.apply(batch)
            steps.append(
                Step(
                    writer: setup,
                    collection: writers[setup].collection,
                    batch: batch,
                    number: index + 1
                )
            )
            states.append(writers)
        }
        self.size = size
        content = Content(
            seed: seed,
            dimension: size.dimension,
            longestText: size.words,
            vocabulary: size.vocabulary
        )
        self.steps = steps
        self.states = states
    }

    /// The collections, in the order in which they are created.
    var collections: [String] { states[0].map(\.collection) }

    /// The store's sequence number after so many steps.
    static func sequenceNumber(after count: Int) -> Int { creations + count }

    /// The sequence number at the end.
    var lastSequenceNumber: Int { Self.sequenceNumber(after: steps.count) }

    /// The model of the collection with the most steps, at a sequence number.
    func model(at sequenceNumber: Int) -> WriterModel {
        states[max(0, sequenceNumber - Self.creations)][0].model
    }

    /// The writers of the script after `acknowledged` replies, including those to the creations.
    ///
    /// With `isUnderWay` the next batch was sent.
    func writers(acknowledged: Int, isUnderWay: Bool) -> [Writer] {
        let done = max(0, acknowledged - Self.creations)
        var writers = states[done]
        for index in writers.indices { writers[index].lastSequenceNumber = UInt64(acknowledged) }
        if isUnderWay && acknowledged >= Self.creations && done < steps.count {
            writers[steps[done].writer].open = OpenBatch(
                batch: steps[done].batch,
                requestID: .random(),
                error: LodestoneError(
                    .unknown,
                    reason: .connectionLost,
                    "The batch was under way.",
                    recovery: "Look.",
                    outcome: .unknown
                )
            )
        }
        return writers
    }
}
