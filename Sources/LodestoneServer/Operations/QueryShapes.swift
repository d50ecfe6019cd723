// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire
import Synchronization

/// The counts and times of reads by their shape.
///
/// The table is bounded: a new shape replaces the one with the least total time.
///
/// Threading: any thread.
final class QueryShapes: Sendable {
    /// A class, so that a request changes an entry in its place; the lock guards it.
    private final class Entry {
        let shape: String
        let collection: String
        var count: UInt64 = 0
        var errorCount: UInt64 = 0
        var total: Int64 = 0
        var longest: Int64 = 0
        private var times = LogHistogram()

        init(shape: String, collection: String) {
            self.shape = shape
            self.collection = collection
        }

        func add(_ nanoseconds: Int64, isError: Bool) {
            count += 1
            if isError { errorCount += 1 }
            total &+= nanoseconds
            longest = max(longest, nanoseconds)
            times.add(nanoseconds)
        }

        var result: QueryShape {
            QueryShape(
                shape: shape,
                collection: collection,
                count: count,
                errorCount: errorCount,
                total: .nanoseconds(total),
                p99: .nanoseconds(min(times.quantile(0.99), longest)),
                longest: .nanoseconds(longest)
            )
        }
    }

    private let entries = Mutex<[UInt64: Entry]>([:])

    /// Counts a read.
    func note(_ call: Call, _ collection: String, isError: Bool, nanoseconds: Int64) {
        var hash = ShapeHash()
        hash.add(collection)
        hash.add(call)
        entries.withLock { entries in
            if let known = entries[hash.value] {
                return known.add(nanoseconds, isError: isError)
            }
            if entries.count >= SlowRequests.maxShapes,
                let least = entries.min(by: { $0.value.total < $1.value.total })?.key
            {
                entries[least] = nil
            }
            let entry = Entry(
                shape: "\(CallKind(call).name) \(QueryText.shape(of: call))",
                collection: collection.printable
            )
            entry.add(nanoseconds, isError: isError)
            entries[hash.value] = entry
        }
    }

    /// The shapes with the longest total time, at most `limit`.
    func all(limit: Int) -> [QueryShape] {
        let all = entries.withLock { $0.values.map(\.result) }
        return Array(all.sorted { $0.total > $1.total }.prefix(limit))
    }
}

/// The numbers of times per quarter of an octave.
struct LogHistogram {
    private static let perOctave = 4
    private var counts = [UInt32](repeating: 0, count: 48 * perOctave)

    mutating func add(_ nanoseconds: Int64) {
        let index = Self.index(of: nanoseconds)
        if counts[index] < .max { counts[index] += 1 }
    }

    /// The end of the bucket that `share` of the times don't exceed.
    func quantile(_ share: Double) -> Int64 {
        let total = counts.reduce(0) { $0 + Int($1) }
        var rest = Int((Double(total) * share).rounded(.up))
        for (index, count) in counts.enumerated() {
            rest -= Int(count)
            if rest <= 0 { return Self.end(of: index) }
        }
        return 0
    }

    private static func index(of nanoseconds: Int64) -> Int {
        let value = UInt64(max(4, nanoseconds))
        let octave = 63 - value.leadingZeroBitCount
        let part = Int((value >> UInt64(octave - 2)) & 3)
        return min((octave - 2) * perOctave + part, 48 * perOctave - 1)
    }

    /// The largest time of a bucket.
    private static func end(of index: Int) -> Int64 {
        let (octave, part) = (index / perOctave + 2, index % perOctave)
        return (Int64(part + 5) << Int64(octave - 2)) - 1
    }
}

/// A hash of the shape of a read: of all but its constants.
private struct ShapeHash {
    /// FNV-1a.
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    private mutating func add(byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x100_0000_01b3
    }

    mutating func add(_ text: String) {
        for byte in text.utf8 { add(byte: byte) }
        add(byte: 0xFF)
    }

    mutating func add(_ call: Call) {
        add(byte: UInt8(truncatingIfNeeded: CallKind(call).rawValue))
        switch call {
        case .search(let request):
            add(byte: request.queries.count > 1 ? 1 : 0)
            guard let query = request.queries.first else { return }
            for source in query.sources { add(source) }
            add(byte: query.facets.isEmpty ? 0 : 1)
            add(query.filter)
        case .walk(let request):
            add(byte: request.walks.count > 1 ? 1 : 0)
            if let walk = request.walks.first { add(walk) }
        case .scan(let request):
            if let order = request.order { add(order.path) }
            add(request.filter)
        case .count(let request): add(request.filter)
        default: break
        }
    }

    private mutating func add(_ source: Source) {
        switch source.kind {
        case .vector(let near): add(byte: near.exact ? 2 : 1)
        case .text(let match):
            add(byte: match.mode == .querySyntax ? 4 : 3)
            add(byte: match.fuzzy == nil ? 0 : 1)
        case .walk(let walk):
            add(byte: 5)
            add(walk)
        case .walkFromHits(let walk):
            add(byte: 6)
            add(walk)
        }
    }

    private mutating func add(_ walk: Walk) {
        for label in walk.labels.prefix(8) { add(label) }
    }

    private mutating func add(_ path: [String]) {
        for name in path { add(name) }
        add(byte: 0xFE)
    }

    private mutating func add(_ filter: Filter?) {
        guard let filter else { return add(byte: 0) }
        switch filter {
        case .equal(let path, _):
            add(byte: 1)
            add(path)
        case .oneOf(let path, _):
            add(byte: 2)
            add(path)
        case .range(let path, let lower, let upper):
            add(byte: 3)
            add(byte: lower.map { $0.isExclusive ? 2 : 1 } ?? 0)
            add(byte: upper.map { $0.isExclusive ? 2 : 1 } ?? 0)
            add(path)
        case .exists(let path, let isThere):
            add(byte: isThere ? 4 : 5)
            add(path)
        case .contains(let path, _):
            add(byte: 6)
            add(path)
        case .ids: add(byte: 7)
        case .and(let filters):
            add(byte: 8)
            for filter in filters { add(filter) }
            add(byte: 9)
        case .or(let filters):
            add(byte: 10)
            for filter in filters { add(filter) }
            add(byte: 9)
        case .not(let filter):
            add(byte: 11)
            add(filter)
        case .invalid: add(byte: 12)
        }
    }
}
