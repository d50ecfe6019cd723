// SPDX-License-Identifier: Apache-2.0

/// The media types that a client accepts, with their weights: RFC 9110, Accept.
package struct AcceptedTypes {
    /// The most types that are read; a client names a few.
    private static let maxCount = 32

    private var weights: [(type: String, weight: Double)] = []

    /// Reads the value of an Accept field; parts that can't be read are left out.
    package init(_ accept: String) {
        for part in accept.split(separator: ",").prefix(Self.maxCount) {
            let pieces = part.split(separator: ";").map(HTTPBytes.trimmed)
            guard let type = pieces.first?.lowercased(), type.contains("/") else { continue }
            var weight = 1.0
            for parameter in pieces.dropFirst() where parameter.lowercased().hasPrefix("q=") {
                weight = Double(parameter.dropFirst(2)) ?? 0
            }
            guard (0...1).contains(weight) else { continue }
            weights.append((type, weight))
        }
    }

    /// The largest weight of a type that is named itself; 0 when it isn't.
    package func weight(of type: String) -> Double {
        weights.filter { $0.type == type }.map(\.weight).max() ?? 0
    }
}
