// SPDX-License-Identifier: Apache-2.0

extension Limits {
    /// The valid limits of requests, in a server's settings and where a program opens an engine.
    package enum Ranges {
        /// A row that is nested deeper can't be read again.
        package static let maxNesting = 1...32
        package static let maxBatch = 1...10_000
        package static let maxFilteredDrop = 1...1_000_000
        package static let maxDimension = 1...16_384
        package static let maxLimit = 1...10_000
        package static let maxCandidates = 1...100_000
        package static let maxEF = 1...65_536
        package static let maxDocumentBytes = 1 << 10...64 << 20
        package static let maxEdges = 1...100_000_000
        package static let maxQueryBytes = 1...1 << 20
        package static let maxQueryTerms = 1...1_024
        package static let maxFuzzyPrefix = 0...4_096
        package static let maxExpansions = 1...100_000
        package static let maxDepth = 1...64
        package static let maxWalkNodes = 1...10_000_000
        package static let maxWalkEdges = 1...1_000_000_000
        package static let maxDeadlineMilliseconds = 1...3_600_000
    }

    /// Checks the limits that an engine uses.
    ///
    /// - Throws: `LIMIT` for the first limit that is out of its range.
    package func checkRequests() throws(LodestoneError) {
        let numbers: [(name: String, value: Int, range: ClosedRange<Int>)] = [
            ("maxNesting", maxNesting, Ranges.maxNesting),
            ("maxBatch", maxBatch, Ranges.maxBatch),
            ("maxFilteredDrop", maxFilteredDrop, Ranges.maxFilteredDrop),
            ("maxDimension", maxDimension, Ranges.maxDimension),
            ("maxLimit", maxLimit, Ranges.maxLimit),
            ("maxCandidates", maxCandidates, Ranges.maxCandidates),
            ("maxEF", maxEF, Ranges.maxEF),
            ("maxDocumentBytes", maxDocumentBytes, Ranges.maxDocumentBytes),
            ("maxEdges", maxEdges, Ranges.maxEdges),
            ("maxQueryBytes", maxQueryBytes, Ranges.maxQueryBytes),
            ("maxQueryTerms", maxQueryTerms, Ranges.maxQueryTerms),
            ("maxFuzzyPrefix", maxFuzzyPrefix, Ranges.maxFuzzyPrefix),
            ("maxExpansions", maxExpansions, Ranges.maxExpansions),
            ("maxDepth", maxDepth, Ranges.maxDepth),
            ("maxWalkNodes", maxWalkNodes, Ranges.maxWalkNodes),
            ("maxWalkEdges", maxWalkEdges, Ranges.maxWalkEdges),
        ]
        for (name, value, range) in numbers where !range.contains(value) {
            throw Self.outOfRange(name, "\(value)", "\(range.lowerBound) to \(range.upperBound)")
        }
        let deadlines = Ranges.maxDeadlineMilliseconds
        let (least, most) = (
            Duration.milliseconds(deadlines.lowerBound), Duration.milliseconds(deadlines.upperBound)
        )
        guard (least...most).contains(maxDeadline) else {
            throw Self.outOfRange("maxDeadline", "\(maxDeadline)", "\(least) to \(most)")
        }
    }

    private static func outOfRange(_ name: String, _ value: String, _ range: String)
        -> LodestoneError
    {
        .invalid(
            .limit,
            "limits.\(name) is \(value); it must be \(range).",
            recovery: "Open the engine with a limit in that range.",
            field: "limits.\(name)"
        )
    }
}
