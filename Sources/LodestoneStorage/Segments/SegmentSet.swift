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
    private let isReadOnly: Bool
    private let segments = Mutex<[CollectionNumber: [UInt32: VectorSegment]]>([:])
    /// Those that were appended to since `synchronize`.
    private let appended = Mutex<[ObjectIdentifier: VectorSegment]>([:])
    /// The segment that each collection appends to.
    private let current = Mutex<[CollectionNumber: VectorSegment]>([:])

    init(directory: String, isReadOnly: Bool = false) {
        self.directory = directory
        self.isReadOnly = isReadOnly
    }

    /// The segment that the log names, opened once.
    func segment(_ index: UInt32, of collection: CollectionNumber, dimension: Int)
        throws(LodestoneError) -> VectorSegment
    {
        if let segment = segments.withLock({ $0[collection]?[index] }) { return segment }
        let segment = try VectorSegment.open(
            in: directory,
            collection: collection,
            index: index,
            dimension: dimension,
            isReadOnly: isReadOnly
        )
        add(segment, of: collection)
        return segment
    }

    private func add(_ segment: VectorSegment, of collection: CollectionNumber) {
        segments.withLock { table in
            // Those that another process has removed go with the views that still read them.
            table[collection] = table[collection]?.filter { !$0.value.isRemoved }
            table[collection, default: [:]][segment.index] = segment
        }
        current.withLock { current in
            if current[collection].map({ $0.index < segment.index }) ?? true {
                current[collection] = segment
            }
        }
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
        if let last = segment {
            let hasRoom = try last.hasRoom(for: byteCount + 4)
            // Removed by another process, which has moved what was in it.
            if !hasRoom || last.isRemoved { segment = nil }
        }
        let target: VectorSegment
        if let segment {
            target = segment
        } else {
            target = try create(for: collection, dimension: dimension, byteCount: byteCount + 4)
            add(target, of: collection)
        }
        appended.withLock { $0[ObjectIdentifier(target)] = target }
        let offset = try vectors.withUnsafeBytes { target.append($0) }.get()
        return Place(segment: target, offset: offset)
    }

    /// Creates a segment that nobody appends to before `adopt`.
    ///
    /// Only while the store's lock is held. Its index is beyond that of every file that is there:
    /// one that the log does not mention may belong to a transaction in doubt.
    func create(for collection: CollectionNumber, dimension: Int, byteCount: Int)
        throws(LodestoneError) -> VectorSegment
    {
        try VectorSegment.create(
            in: directory,
            collection: collection,
            index: indices(of: collection).max().map { $0 + 1 } ?? 0,
            dimension: dimension,
            byteCount: byteCount
        )
    }

    /// Takes in segments that a compaction has filled.
    func adopt(_ made: [VectorSegment], of collection: CollectionNumber) {
        for segment in made { add(segment, of: collection) }
    }

    /// The segments of a collection that are there.
    func indices(of collection: CollectionNumber) -> [UInt32] {
        FileSystem.names(in: directory, prefix: "vectors-\(collection)-").compactMap(Self.parse)
            .map(\.index)
    }

    /// The collections that have more than one segment, of which one may be unneeded.
    func collectionsWithSeveral() -> Set<CollectionNumber> {
        var counts: [CollectionNumber: Int] = [:]
        for key in FileSystem.names(in: directory, prefix: "vectors-").compactMap(Self.parse) {
            counts[key.collection, default: 0] += 1
        }
        return Set(counts.filter { $0.value > 1 }.keys)
    }

    /// The segments of a collection that can be removed when nothing but `named` is needed.
    ///
    /// Never the last one, so that no index is given twice: a process that has an old segment open
    /// would take a new one of its name for it.
    func unneeded(of collection: CollectionNumber, named: Set<UInt32>) -> [UInt32] {
        let indices = indices(of: collection)
        return indices.filter { $0 != indices.max() && !named.contains($0) }
    }

    /// Removes segments.
    ///
    /// Only while the store's lock is held, after a commit: nothing is in doubt then. Mappings in
    /// use stay good.
    func remove(_ indices: [UInt32], of collection: CollectionNumber) {
        for index in indices {
            unlink(directory + "/" + VectorSegment.name(collection: collection, index: index))
            segments.withLock { $0[collection]?[index] = nil }
            current.withLock { current in
                if current[collection]?.index == index { current[collection] = nil }
            }
        }
    }

    /// Makes everything appended so far durable.
    func synchronize() throws(LodestoneError) {
        let appended = appended.withLock { appended in
            defer { appended = [:] }
            return appended
        }
        for segment in appended.values where segment.needsSynchronize { try segment.synchronize() }
    }

    /// Removes the files of a collection that is gone.
    ///
    /// Mappings in use stay good.
    func remove(_ collection: CollectionNumber) {
        current.withLock { $0[collection] = nil }
        segments.withLock { $0[collection] = nil }
        removeFiles(prefix: "vectors-\(collection)-") { $0 == collection }
    }

    /// Closes the segments of a collection; mappings in use stay good.
    ///
    /// Before the next write its vectors are read, which opens them again.
    func letGo(of collection: CollectionNumber) {
        current.withLock { $0[collection] = nil }
        segments.withLock { $0[collection] = nil }
    }

    /// Removes files that belong to none of `collections`: a crash came between a collection's end
    /// and the removal of its files.
    func removeAll(except collections: Set<CollectionNumber>) {
        removeFiles(prefix: "vectors-") { !collections.contains($0) }
    }

    var byteCount: UInt64 {
        FileSystem.names(in: directory).filter { Self.parse($0) != nil }
            .reduce(0) { $0 + FileSystem.byteCount(directory + "/" + $1) }
    }

    private func removeFiles(prefix: String, where isGone: (CollectionNumber) -> Bool) {
        for name in FileSystem.names(in: directory, prefix: prefix) {
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
