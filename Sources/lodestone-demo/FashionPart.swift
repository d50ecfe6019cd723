// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneImport

/// Fashion-MNIST: pictures of clothes as vectors of 784 gray values, classified by their neighbors.
struct FashionPart {
    let directory: String
    let images: Int

    private static let neighbors = 10
    private static let queriesPerCall = 50
    private static let classes = [
        "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
        "ankle boot",
    ]

    func run(_ client: LodestoneClient) async throws {
        heading("3. Fashion-MNIST: pictures named by their 10 nearest neighbors")
        let training = try LabeledImages(directory, "train")
        _ = try await client.createCollection(
            "fashion",
            CollectionOptions(dimension: training.dimension, metric: .euclidean)
        )
        let collection = client.collection("fashion")
        try await fill(collection, "Training pictures", "vectors", ImageReader(training))
        try await classify(collection, try LabeledImages(directory, "t10k"))
    }

    private func classify(_ collection: LodestoneClient.Collection, _ test: LabeledImages)
        async throws
    {
        let count = min(images, test.count)
        let meter = ProgressMeter("Classifying", unit: "pictures")
        var right = [Int](repeating: 0, count: Self.classes.count)
        var total = right
        var examples: [String] = []
        for start in stride(from: 0, to: count, by: Self.queriesPerCall) {
            let batch = start..<min(start + Self.queriesPerCall, count)
            let queries = batch.map { image in
                Query([.near(test.vector(image))], limit: Self.neighbors, include: .metadata)
            }
            for (image, result) in zip(batch, try await collection.search(queries).results) {
                let votes = Self.votes(result.hits)
                let named = votes.first?.label ?? 0
                total[test.label(image)] += 1
                if named == test.label(image) { right[named] += 1 }
                if examples.count < 6 { examples.append(Self.line(image, test, votes)) }
            }
            meter.update(
                count: batch.upperBound,
                fraction: Double(batch.upperBound) / Double(count)
            )
        }
        let elapsed = meter.finish()
        let correct = right.reduce(0, +)
        say(
            "\(grouped(count)) test pictures, each compared with all "
                + "\(grouped(try await collection.describe().vectors)): \(seconds(elapsed)), "
                + "\(decimal(Double(count) / elapsed.seconds, 0)) pictures a second"
        )
        examples.forEach(say)
        say(
            "\(correct) of \(count) named right: "
                + "\(decimal(100 * Double(correct) / Double(count), 1)) %"
        )
        say(
            "By class: "
                + Self.classes.indices.filter { total[$0] > 0 }
                .map { "\(Self.classes[$0]) \(100 * right[$0] / total[$0]) %" }
                .joined(separator: ", ")
        )
    }

    /// The classes among the hits, most votes first; on a tie, the class of the nearest neighbor
    /// first.
    private static func votes(_ hits: [Hit]) -> [(label: Int, count: Int)] {
        var votes: [(label: Int, count: Int)] = []
        for hit in hits {
            guard case .int(let number) = hit.document?.metadata["class"] else { continue }
            let label = Int(number)
            if let index = votes.firstIndex(where: { $0.label == label }) {
                votes[index].count += 1
            } else {
                votes.append((label, 1))
            }
        }
        // The offsets of `enumerated` make the sort stable: ties stay in the order of the nearest.
        return votes.enumerated().sorted {
            ($1.element.count, $0.offset) < ($0.element.count, $1.offset)
        }.map(\.element)
    }

    private static func line(
        _ image: Int,
        _ test: LabeledImages,
        _ votes: [(label: Int, count: Int)]
    ) -> String {
        let neighbors = votes.map { "\($0.count) x \(classes[$0.label])" }.joined(separator: ", ")
        return
            "  picture \(image), \(pad(classes[test.label(image)], 11)) neighbors: \(neighbors)"
    }
}

/// One of the two sets of the data set.
private struct LabeledImages {
    private let pixels: IDXFile
    private let labels: IDXFile

    init(_ directory: String, _ half: String) throws {
        let images = "\(directory)/\(half)-images-idx3-ubyte.gz"
        let names = "\(directory)/\(half)-labels-idx1-ubyte.gz"
        pixels = try IDXFile(try decompress(images), name: images)
        labels = try IDXFile(try decompress(names), name: names)
        guard pixels.count == labels.count else {
            throw LodestoneError.badFile(
                images,
                "has \(pixels.count) pictures, but there are \(labels.count) labels",
                recovery: "Install dataset-fashion-mnist again."
            )
        }
    }

    var count: Int { pixels.count }
    var dimension: Int { pixels.sizes.dropFirst().reduce(1, *) }

    func label(_ image: Int) -> Int { labels[image].first.map(Int.init) ?? 0 }
    func vector(_ image: Int) -> [Float] { pixels[image].map(Float.init) }
}

/// The pictures as documents, with their number, gray values and class.
private struct ImageReader: BatchReader {
    private let images: LabeledImages
    private var next = 0

    init(_ images: LabeledImages) { self.images = images }

    var path: String { "Fashion-MNIST" }

    mutating func next(_ count: Int) throws(LodestoneError) -> ImportBatch? {
        guard next < images.count else { return nil }
        var batch = ImportBatch(path: path, after: next)
        for image in next..<min(next + count, images.count) {
            batch.documents.append(
                Document(
                    id: DocumentID(trusted: "train-\(image)"),
                    vector: images.vector(image),
                    metadata: ["class": .int(Int64(images.label(image)))]
                )
            )
            batch.lines.append(image + 1)
        }
        next += batch.count
        batch.endsAtLine = next
        batch.fractionRead = Double(next) / Double(images.count)
        return batch
    }

    mutating func skip(throughLine line: Int) { next = line }
}
