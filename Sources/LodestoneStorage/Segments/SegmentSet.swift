// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneFiles
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The vector segments of every collection of a store.
///
/// Threading: the table of open segments is behind a mutex; appending is for the writer alone.
final class SegmentSet: Sendable {
    /// Where the vectors of one batch lie.
    struct Place {
        let segment: VectorSegment
        let offset: Int
    }

    private struct Key: Hashable {
        let collection: CollectionNumber
        let index: UInt32
    }

    private let directory: String
    private let segments = Mutex<[Key: VectorSegment]>([:])
    /// The segment that each collection appends to.
    private let current = Mutex<[CollectionNumber: VectorSegment]>([:])

    init(directory: String) {
        self.directory = directory
    }

    /// The segment that the log names, opened once.
    func segment(_ index: UInt32, of collection: CollectionNumber, dimension: Int)
        throws(LodestoneError) -> VectorSegment
    {
        let key = Key(collection: collection, index: index)
        if let segment = segments.withLock({ $0[key] }) { return segment }
        let segment = try VectorSegment.open(
            in: directory,
            collection: collection,
            index: index,
            dimension: dimension
        )
        segments.withLock { $0[key] = segment }
        current.withLock { current in
            if current[collection].map({ $0.index < index }) ?? true {
                current[collection] = segment
            }
        }
        return segment
    }

    /// Appends the vectors of a batch to the collection's last segment, or to a new one when it is
    /// full.
    ///
    /// Not durable before `synchronize`.
    func append(_ vectors: [Float], of collection: CollectionNumber, dimension: Int)
        throws(LodestoneError) -> Place
    {
        let byteCount = vectors.count * MemoryLayout<Float>.stride
        var segment = current.withLock { $0[collection] }
        // Four bytes for the alignment of the start.
        if let last = segment, try !last.hasRoom(for: byteCount + 4) { segment = nil }
        let target: VectorSegment
        if let segment {
            target = segment
        } else {
            // Beyond every file that is there: one that the log does not mention may belong to a
            // transaction in doubt.
            let taken = FileSystem.names(in: directory).compactMap(Self.parse)
                .filter { $0.collection == collection }.map(\.index)
            let index = taken.max().map { $0 + 1 } ?? 0
            target = try VectorSegment.create(
                in: directory,
                collection: collection,
                index: index,
                dimension: dimension,
                byteCount: byteCount + 4
            )
            segments.withLock { $0[Key(collection: collection, index: index)] = target }
            current.withLock { $0[collection] = target }
        }
        let offset = try vectors.withUnsafeBytes { target.append($0) }.get()
        return Place(segment: target, offset: offset)
    }

    /// Makes everything appended so far durable.
    func synchronize() throws(LodestoneError) {
        for segment in segments.withLock({ Array($0.values) }) where segment.needsSynchronize {
            try segment.synchronize()
        }
    }

    /// Removes the files of a collection that is gone.
    ///
    /// Mappings in use stay good.
    func remove(_ collection: CollectionNumber) {
        current.withLock { $0[collection] = nil }
        segments.withLock { table in table = table.filter { $0.key.collection != collection } }
        removeFiles { $0 == collection }
    }

    /// Removes files that belong to none of `collections`: a crash came between a collection's end
    /// and the removal of its files.
    func removeAll(except collections: Set<CollectionNumber>) {
        removeFiles { !collections.contains($0) }
    }

    var byteCount: UInt64 {
        FileSystem.names(in: directory).filter { Self.parse($0) != nil }
            .reduce(0) { $0 + FileSystem.byteCount(directory + "/" + $1) }
    }

    private func removeFiles(where isGone: (CollectionNumber) -> Bool) {
        for name in FileSystem.names(in: directory) {
            if let key = Self.parse(name), isGone(key.collection) {
                unlink(directory + "/" + name)
            }
        }
    }

    /// `vectors-3-0.seg` is segment 0 of collection 3; other names are not ours.
    private static func parse(_ name: String) -> Key? {
        guard name.hasPrefix("vectors-"), name.hasSuffix(".seg") else { return nil }
        let numbers = name.dropFirst(8).dropLast(4).split(separator: "-").compactMap { UInt32($0) }
        return numbers.count == 2 ? Key(collection: numbers[0], index: numbers[1]) : nil
    }
}
