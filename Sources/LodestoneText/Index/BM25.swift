// SPDX-License-Identifier: Apache-2.0
#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How much an occurrence of a word says.
package struct BM25: Sendable, Hashable {
    /// How soon more occurrences stop to matter; 0 or more.
    package var k1: Double
    /// How much a long document is held back, 0 to 1.
    package var b: Double

    /// Creates settings.
    package init(k1: Double = 1.2, b: Double = 0.75) {
        self.k1 = k1
        self.b = b
    }

    /// The weight of a word that `frequency` of `count` documents have.
    func inverseFrequency(_ frequency: Int, of count: Int) -> Double {
        let frequency = Double(min(max(frequency, 0), count))
        return log(1 + (Double(count) - frequency + 0.5) / (frequency + 0.5))
    }
}

/// What an occurrence counts by its class, as numbers from 1 to 65,535.
///
/// Whole numbers, so that sums don't depend on their order.
struct ClassWeights: Sendable {
    /// A power of two of them: `mask` keeps an index inside.
    let weights: ContiguousArray<UInt16>
    var mask: Int { weights.count - 1 }

    /// What the weights are made of.
    struct Key: Hashable {
        let bm25: BM25
        let averageLength: Double
        let size: Int

        /// The average length is rounded to seven binary digits behind the first, so that weights
        /// stay as they are while documents are added.
        init(_ bm25: BM25, length: Int, documents: Int, maxClass: UInt16) {
            self.bm25 = bm25
            let average = Float(length) / Float(max(1, documents))
            averageLength = Double(Float(bitPattern: average.bitPattern & 0xFFFF_0000))
            size = 1 << (Int.bitWidth - Int(maxClass).leadingZeroBitCount)
        }
    }

    init(_ key: Key) {
        var weights = ContiguousArray<UInt16>(repeating: 1, count: key.size)
        let (k1, b) = (key.bm25.k1, key.bm25.b)
        for postingClass in 1..<max(1, key.size) {
            let frequency = Double(PostingClass.frequency(of: postingClass))
            let length = Double(PostingClass.length(of: postingClass))
            let relative = key.averageLength > 0 ? length / key.averageLength : 1
            let share = frequency / (frequency + k1 * (1 - b + b * relative))
            weights[postingClass] = UInt16(min(max(share * 65_535, 1), 65_535))
        }
        self.weights = weights
    }
}

/// Weights of words as whole numbers, made so that no sum over one document leaves 31 bits.
struct WordWeights {
    let weights: [UInt64]
    private let scale: Double

    /// - Parameters:
    ///   - inverseFrequencies: Of each word, times how often it was asked for.
    ///   - bm25: What the class weights were made with.
    init(_ inverseFrequencies: [Double], bm25: BM25) {
        let count = Double(inverseFrequencies.count)
        // At least 1 in the sum even for the smallest class, as long as there are few words.
        let least = min(65_536, Double(1 << 30) / max(1, count)).rounded(.down)
        let sum = inverseFrequencies.reduce(0, +)
        let factor = (Double(Int32.max) - count * (least + 1)) / max(sum, 1e-3)
        weights = inverseFrequencies.map { UInt64(least + ($0 * factor).rounded(.down)) }
        scale = (bm25.k1 + 1) / factor * 65_536 / 65_535
    }

    /// The score that a sum stands for.
    func score(of sum: UInt32) -> Double { Double(sum) * scale }

    /// What one posting adds.
    @inline(__always)
    static func product(_ word: UInt64, _ postingClass: UInt16) -> UInt32 {
        UInt32(truncatingIfNeeded: (word &* UInt64(postingClass)) >> 16)
    }
}
