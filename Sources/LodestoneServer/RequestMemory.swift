// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire

/// The memory that decoded requests take.
enum RequestMemory {
    /// An estimate of the memory that the decoded request of a frame takes.
    ///
    /// Vectors keep their size. All else becomes values with their own headers: eight times the
    /// bytes covers batches of tiny documents, the worst usual case.
    static func estimate(frameByteCount: Int, call: Call) -> Int {
        let vectorBytes =
            switch call {
            case .indexMany(let request):
                (request.vectors?.elements.count ?? 0) * 4
            case .search(let request):
                request.queries.reduce(0) { $0 + vectorElements(of: $1) } * 4
            default: 0
            }
        return vectorBytes + max(0, frameByteCount - vectorBytes) * 8
    }

    private static func vectorElements(of query: Query) -> Int {
        query.sources.reduce(0) { sum, source in
            guard case .vector(let near) = source.kind else { return sum }
            return sum + near.vector.count
        }
    }
}
