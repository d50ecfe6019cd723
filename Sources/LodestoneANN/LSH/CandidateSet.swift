// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures

/// The distinct rows that a search found in buckets, with their costs by the hyperplanes.
struct CandidateSet {
    /// The allowed rows, ascending within each `take`, because reading memory in this order is
    /// faster than in bucket order.
    private(set) var rows: ContiguousArray<RowID> = []
    private var costs: ContiguousArray<Float> = []
    private let count: Int
    private let weights: SignatureWeights
    // A bit for each slot of all runs.
    private var found: [UInt64]
    private var taken: [UInt64]

    /// Words of 64 slots between two checks of the context.
    private static let wordsPerCheck = 64

    /// Creates an empty set for runs of `count` rows in all.
    init(count: Int, weights: SignatureWeights) {
        self.count = count
        self.weights = weights
        found = Array(repeating: 0, count: (count + 63) / 64)
        taken = found
    }

    /// Marks the rows of a bucket as found.
    mutating func insert(_ bucket: UInt32, of table: Int, in runs: ContiguousArray<LSHRun>) {
        var first = 0
        found.withUnsafeMutableBufferPointer { found in
            for run in runs {
                run.forEach(in: table, bucket) { slot in
                    found[(first + slot) / 64] |= 1 << UInt64((first + slot) % 64)
                }
                first += run.count
            }
        }
    }

    /// Marks all rows as found.
    mutating func insertAll() {
        for word in found.indices { found[word] = .max }
        if count % 64 != 0 { found[found.count - 1] = 1 << UInt64(count % 64) - 1 }
    }

    /// Appends the allowed rows that were found since the last `take`.
    mutating func take(
        from runs: ContiguousArray<LSHRun>,
        isAllowed: ((RowID) -> Bool)?,
        context: CallContext
    ) throws(LodestoneError) {
        var first = 0
        for run in runs {
            var word = first / 64
            while word * 64 < first + run.count {
                try context.check()
                let last = word + Self.wordsPerCheck
                takeSlots(of: run, first: first, words: word..<last, isAllowed: isAllowed)
                word = last
            }
            first += run.count
        }
    }

    // Takes the found slots of one run in some words. The first and last word may have slots of
    // other runs, too.
    private mutating func takeSlots(
        of run: LSHRun,
        first: Int,
        words: Range<Int>,
        isAllowed: ((RowID) -> Bool)?
    ) {
        var slots: ContiguousArray<UInt32> = []
        for word in words.clamped(to: found.indices) {
            var fresh = found[word] & ~taken[word]
            while fresh != 0 {
                let bit = fresh.trailingZeroBitCount
                fresh &= fresh - 1
                let slot = word * 64 + bit - first
                guard slot >= 0, slot < run.count else { continue }
                taken[word] |= 1 << UInt64(bit)
                let row = run.row(of: slot)
                guard isAllowed?(row) ?? true else { continue }
                rows.append(row)
                slots.append(UInt32(slot))
            }
        }
        weights.appendCosts(of: slots, in: run, to: &costs)
    }

    /// The rows of the least costs, at most `count`, cheapest first.
    func cheapest(_ count: Int) -> [RowID] {
        var cheapest = TopK(k: count, expected: rows.count)
        for (row, cost) in zip(rows, costs) where cost <= cheapest.bound {
            if cheapest.wouldKeep(row: row, distance: cost) {
                cheapest.add(row: row, distance: cost)
            }
        }
        return cheapest.sorted().map(\.row)
    }
}

/// The cost of a signature's difference from the query's.
///
/// The cost is the sum, over the differing bits of all tables, of the query's distances from their
/// hyperplanes. `ProbeSequence` orders the buckets of one table by the same cost. The cost predicts
/// the angle better than the number of differing bits: a difference at a hyperplane far from the
/// query means more. Measured (WordNet, 300 rows selected, true neighbors among them): by cost
/// nineteen of twenty, by the number of bits seventeen. Costs are relative to a signature without
/// bits, so they may be negative.
struct SignatureWeights {
    private let tables: Int
    private let hyperplanes: Int
    private let kernels: VectorKernels
    // The weight of each set bit: negative if the query's signature also has the bit, else
    // positive.
    private var weights: ContiguousArray<Float>

    /// Computes the weights from a query's projections.
    init(_ projections: [Float], hyperplanes: Int, kernels: VectorKernels) {
        tables = projections.count / hyperplanes
        self.hyperplanes = hyperplanes
        self.kernels = kernels
        let stride = Int(LODE_SIGNATURE_BITS)
        weights = ContiguousArray(repeating: 0, count: tables * stride)
        // With this limit the sums of all bits stay finite.
        let limit: Float = 1e33
        for (plane, projection) in projections.enumerated() where !projection.isNaN {
            weights[plane / hyperplanes * stride + plane % hyperplanes] =
                -min(max(projection, -limit), limit)
        }
    }

    /// Adds the costs of ascending slots to `costs`; zeros where the file is damaged.
    func appendCosts(
        of slots: ContiguousArray<UInt32>,
        in run: LSHRun,
        to costs: inout ContiguousArray<Float>
    ) {
        guard let first = slots.first, let last = slots.last else { return }
        let start = costs.count
        costs += ContiguousArray(repeating: 0, count: slots.count)
        let own = slots.map { $0 - first }
        run.withSignatures(of: Int(first)...Int(last)) { signatures in
            guard let signatures = signatures.baseAddress else { return }
            weights.withUnsafeBufferPointer { weights in
                costs.withUnsafeMutableBufferPointer { costs in
                    guard let weights = weights.baseAddress, let costs = costs.baseAddress else {
                        return
                    }
                    kernels.signatureCosts(
                        weights,
                        tables,
                        hyperplanes,
                        signatures,
                        own,
                        own.count,
                        costs + start
                    )
                }
            }
        }
    }
}
