// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneSystem

/// The parameters of BM25F.
struct BM25: Hashable {
    /// The saturation of frequencies, 0 or more.
    ///
    /// With a smaller value, repeated occurrences of a word add less.
    let k1: Double
    /// The penalty for a long field, 0 to 1.
    let b: Double
    /// The weight of a word in its exact form, compared with its stem.
    let exactWeight: Double
    /// The weight of each slot.
    let weights: [Double]

    init(_ options: TextOptions) {
        k1 = options.effectiveK1
        b = options.b
        exactWeight = options.exactWeight
        weights = options.fields.map(\.weight) + [1]
    }

    /// The weight of a word that `frequency` of `count` documents have.
    func inverseFrequency(_ frequency: Int, of count: Int) -> Double {
        let frequency = Double(min(max(frequency, 0), count))
        return log(1 + (Double(count) - frequency + 0.5) / (frequency + 0.5))
    }
}

/// The weight of an occurrence by its class, from 1 to 65,535.
///
/// The weights are integers, so that sums don't depend on their order.
struct ImpactTable: Sendable {
    /// The weights; their number is a power of two, so that `mask` bounds an index.
    let weights: ContiguousArray<UInt16>
    var mask: Int { weights.count - 1 }

    /// The inputs of the weights.
    struct Key: Hashable {
        let bm25: BM25
        let averageLengths: [Double]
        let count: Int

        /// Average lengths are truncated to a significand of 8 bits.
        ///
        /// So a few added documents usually don't change the weights.
        init(_ bm25: BM25, _ slots: [SlotStatistics], count: Int) {
            self.bm25 = bm25
            averageLengths = slots.map { slot in
                let average = Float(slot.words) / Float(max(1, slot.documents))
                return Double(Float(bitPattern: average.bitPattern & 0xFFFF_0000))
            }
            self.count = count
        }
    }

    /// - Parameters:
    ///   - key: The inputs of the weights.
    ///   - classes: The classes, as many as in `key`.
    init(_ key: Key, _ classes: ContiguousArray<FieldNormClass>) {
        var size = 1
        while size < classes.count { size *= 2 }
        var weights = ContiguousArray<UInt16>(repeating: 1, count: size)
        let (k1, b) = (key.bm25.k1, key.bm25.b)
        for (number, postingClass) in classes.enumerated() {
            var frequency = 0.0
            for (slot, average) in key.averageLengths.enumerated() {
                let count = postingClass.frequency(slot)
                if count == 0 { continue }
                let length = Double(postingClass.length(slot))
                let relative = average > 0 ? length / average : 1
                // A field with only stop words has length 0.
                let norm = max(1 - b + b * relative, 1e-3)
                frequency += key.bm25.weights[slot] * Double(count) / norm
            }
            let saturation = frequency > 0 ? frequency / (frequency + k1) : 0
            weights[number] = UInt16(min(max(saturation * 65_535, 1), 65_535))
        }
        self.weights = weights
    }
}

/// The weights of words as integers, scaled so that a document's sum never exceeds 31 bits.
struct QuantizedIDF {
    let weights: [UInt64]
    private let scale: Double

    /// - Parameters:
    ///   - inverseFrequencies: The inverse document frequency of each word, times its repetitions
    ///     in the query.
    ///   - bm25: The parameters of the class weights.
    init(_ inverseFrequencies: [Double], bm25: BM25) {
        let count = Double(inverseFrequencies.count)
        // The least weight of a word is 65,536 in a query of up to 16,384 words. A posting adds the
        // product of word weight and class weight, divided by 65,536, to a sum. So each posting
        // adds at least 1, even with class weight 1.
        let least = min(65_536, Double(1 << 30) / max(1, count)).rounded(.down)
        let sum = inverseFrequencies.reduce(0, +)
        let factor = (Double(Int32.max) - count * (least + 1)) / max(sum, 1e-3)
        weights = inverseFrequencies.map { UInt64(least + ($0 * factor).rounded(.down)) }
        scale = (bm25.k1 + 1) / factor * 65_536 / 65_535
    }

    /// The score of a sum.
    func score(of sum: UInt32) -> Double { Double(sum) * scale }

    /// The amount that one posting adds to a sum.
    @inline(__always)
    static func product(_ word: UInt64, _ postingClass: UInt16) -> UInt32 {
        UInt32(truncatingIfNeeded: (word &* UInt64(postingClass)) >> 16)
    }
}
