// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneFiles
import LodestoneSystem
import Synchronization

/// The vector segments of every collection of a store.
///
/// Threading: a mutex guards the table of open segments; only the writer appends.
final class SegmentSet: Sendable {
    /// The location of one batch's vectors.
    struct Location {
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
    /// The segments with bytes appended since the last `synchronize`.
    private let appended = Mutex<[ObjectIdentifier: VectorSegment]>([:])
    /// The segment of each collection to which its batches are appended.
    private let current = Mutex<[CollectionNumber: VectorSegment]>([:])

    init(directory: String, isReadOnly: Bool = false) {
        self.directory = directory
        self.isReadOnly = isReadOnly
    }

    /// The segment that the log names; it is opened once.
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
            // Segments that another process has removed stay mapped for their readers only.
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
    /// The vectors are not durable before `synchronize`.
    func append(_ vectors: [Float], of collection: CollectionNumber, dimension: Int)
        throws(LodestoneError) -> Location
    {
        let byteCount = vectors.count * MemoryLayout<Float>.stride
        var segment = current.withLock { $0[collection] }
        // The start is aligned, which takes up to four bytes.
        if let last = segment {
            let hasRoom = try last.hasRoom(for: byteCount + 4)
            // Another process has moved the vectors of a removed segment.
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
        return Location(segment: target, offset: offset)
    }

    /// Creates a segment to which no batch is appended before `adopt`.
    ///
    /// Call it only while the store's lock is held. Its index is higher than that of every existing
    /// file: a file that the log does not mention may belong to a transaction in doubt.
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

    /// Adds the segments that a compaction has filled.
    func adopt(_ made: [VectorSegment], of collection: CollectionNumber) {
        for segment in made { add(segment, of: collection) }
    }

    /// The indices of a collection's segment files.
    func indices(of collection: CollectionNumber) -> [UInt32] {
        FileSystem.names(in: directory, prefix: "vectors-\(collection)-").compactMap(Self.parse)
            .map(\.index)
    }

    /// The collections with more than one segment; one of these may be unneeded.
    func collectionsWithSeveral() -> Set<CollectionNumber> {
        var counts: [CollectionNumber: Int] = [:]
        for key in FileSystem.names(in: directory, prefix: "vectors-").compactMap(Self.parse) {
            counts[key.collection, default: 0] += 1
        }
        return Set(counts.filter { $0.value > 1 }.keys)
    }

    /// The segments of a collection that can be removed when only `named` is needed.
    ///
    /// The last one is never removed, so that no index is used twice: a process that has the old
    /// segment open would mistake a new file of that name for it.
    func unneeded(of collection: CollectionNumber, named: Set<UInt32>) -> [UInt32] {
        let indices = indices(of: collection)
        return indices.filter { $0 != indices.max() && !named.contains($0) }
    }

    /// Removes segments.
    ///
    /// Call it only while the store's lock is held, after a commit: no transaction is then in
    /// doubt. Mappings in use stay valid.
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

    /// Removes the files of a dropped collection.
    ///
    /// Mappings in use stay valid.
    func remove(_ collection: CollectionNumber) {
        current.withLock { $0[collection] = nil }
        segments.withLock { $0[collection] = nil }
        removeFiles(prefix: "vectors-\(collection)-") { $0 == collection }
    }

    /// Closes the segments of a collection; mappings in use stay valid.
    ///
    /// Opening the collection again reads its vectors, which opens the segments.
    func close(_ collection: CollectionNumber) {
        current.withLock { $0[collection] = nil }
        segments.withLock { $0[collection] = nil }
    }

    /// Removes the files of all collections except `collections`.
    ///
    /// A crash between the drop of a collection and the removal of its files leaves such files.
    func removeAll(except collections: Set<CollectionNumber>) {
        removeFiles(prefix: "vectors-") { !collections.contains($0) }
    }

    var byteCount: UInt64 {
        FileSystem.names(in: directory).filter { Self.parse($0) != nil }
            .reduce(0) { $0 + FileSystem.byteCount(directory + "/" + $1) }
    }

    private func removeFiles(prefix: String, where isRemoved: (CollectionNumber) -> Bool) {
        for name in FileSystem.names(in: directory, prefix: prefix) {
            if let key = Self.parse(name), isRemoved(key.collection) {
                unlink(directory + "/" + name)
            }
        }
    }

    /// `vectors-3-0.seg` is segment 0 of collection 3; the store ignores other names.
    private static func parse(_ name: String) -> Key? {
        guard name.hasPrefix("vectors-"), name.hasSuffix(".seg") else { return nil }
        let numbers = name.dropFirst(8).dropLast(4).split(separator: "-").compactMap { UInt32($0) }
        return numbers.count == 2 ? Key(collection: numbers[0], index: numbers[1]) : nil
    }
}
