// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport

/// A disk that knows the durable and the pending changes of every file, and so the possible states
/// after a crash.
///
/// POSIX promises no more than this. A write is durable after an fsync of its file, and a name
/// after an fsync of its directory. Until then each may be there or not, in any order, and a write
/// in part. For the names of one directory the disk assumes their order, as every journal keeps it.
struct SimulatedDisk {
    /// The way in which a crash treats pending changes.
    enum Fate: CaseIterable {
        /// All changes survive: the process was killed, not the machine.
        case kept
        case dropped
        /// A coin decides about each change.
        case some
        /// A coin decides about each file.
        case filewise
        /// All changes survive, but the last write only in part.
        case lastTorn
        /// A coin decides about each change, and about each sector of the surviving writes.
        case torn
    }

    private enum Change {
        case write(offset: Int, bytes: ArraySlice<UInt8>)
        case truncate(Int)
    }

    private struct File {
        var durable: [UInt8] = []
        var pending: [Change] = []
    }

    private enum NameChange {
        case link(String, file: Int)
        case rename(from: String, to: String)
        case unlink(String)

        var path: String {
            switch self {
            case .link(let path, _), .unlink(let path): path
            case .rename(_, let path): path
            }
        }
    }

    private let root: String
    private var files: [File] = []
    private var durableNames: [String: Int] = [:]
    private var names: [String: Int] = [:]
    private var pendingNames: [NameChange] = []

    /// An empty disk whose files lie below `root`.
    init(root: String) {
        self.root = root
    }

    mutating func apply(_ record: TraceRecord) {
        switch record {
        case .create(let path):
            files.append(File())
            names[path] = files.count - 1
            pendingNames.append(.link(path, file: files.count - 1))
        case .write(let path, let offset, let bytes):
            change(path, .write(offset: offset, bytes: bytes))
        case .truncate(let path, let length):
            change(path, .truncate(length))
        case .sync(let path):
            if let file = names[path] {
                var bytes = files[file].durable
                for change in files[file].pending { Self.apply(change, to: &bytes) }
                files[file] = File(durable: bytes)
            } else {
                synchronizeNames { Self.parent(of: $0) == path }
            }
        case .rename(let from, let to):
            Self.rename(from, to, in: &names)
            pendingNames.append(.rename(from: from, to: to))
        case .unlink(let path):
            names[path] = nil
            pendingNames.append(.unlink(path))
        case .makeDirectory, .sent, .acknowledged, .snapshotAcknowledged, .restored:
            // The store's own directories are made durable when they are created, or hold nothing
            // yet.
            break
        }
    }

    private mutating func change(_ path: String, _ change: Change) {
        guard let file = names[path] else { return }
        files[file].pending.append(change)
    }

    private mutating func synchronizeNames(where isMeant: (String) -> Bool) {
        var rest: [NameChange] = []
        for change in pendingNames {
            if isMeant(change.path) {
                Self.apply(change, to: &durableNames)
            } else {
                rest.append(change)
            }
        }
        pendingNames = rest
    }

    /// Writes a state that a crash now may leave into `directory`.
    func crash(_ fate: Fate, into directory: String, using random: inout SeededGenerator) throws {
        var left = durableNames
        let count =
            switch fate {
            case .kept, .lastTorn: pendingNames.count
            case .dropped: 0
            case .some, .filewise, .torn: Int.random(in: 0...pendingNames.count, using: &random)
            }
        for change in pendingNames.prefix(count) { Self.apply(change, to: &left) }
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        for (path, file) in left.sorted(by: { $0.key < $1.key }) {
            // The first process that opens the store rebuilds the index of SQLite's write-ahead
            // log.
            if path.hasSuffix("-shm") { continue }
            let target = directory + path.dropFirst(root.count)
            try FileManager.default.createDirectory(
                atPath: Self.parent(of: target),
                withIntermediateDirectories: true
            )
            let bytes = content(files[file], fate, &random)
            try Data(bytes).write(to: URL(fileURLWithPath: target))
        }
    }

    private func content(_ file: File, _ fate: Fate, _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = file.durable
        let isWhole = Bool.random(using: &random)
        for (index, change) in file.pending.enumerated() {
            switch fate {
            case .kept: Self.apply(change, to: &bytes)
            case .dropped: break
            case .filewise: if isWhole { Self.apply(change, to: &bytes) }
            case .some: if Bool.random(using: &random) { Self.apply(change, to: &bytes) }
            case .lastTorn:
                if index < file.pending.count - 1 {
                    Self.apply(change, to: &bytes)
                } else {
                    tear(change, &bytes, &random)
                }
            case .torn: if Bool.random(using: &random) { tear(change, &bytes, &random) }
            }
        }
        return bytes
    }

    /// Applies some sectors of a write: those before a cut, or any.
    private func tear(_ change: Change, _ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        guard case .write(let offset, let data) = change else {
            Self.apply(change, to: &bytes)
            return
        }
        let sector = Bool.random(using: &random) ? 512 : 4_096
        let isTruncated = Bool.random(using: &random)
        var start = offset
        while start < offset + data.count {
            let end = min((start / sector + 1) * sector, offset + data.count)
            if Bool.random(using: &random) {
                let part = data.dropFirst(start - offset).prefix(end - start)
                Self.apply(.write(offset: start, bytes: part), to: &bytes)
            } else if isTruncated {
                return
            }
            start = end
        }
    }

    private static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .truncate(let length):
            if bytes.count > length {
                bytes.removeLast(bytes.count - length)
            } else {
                bytes.append(contentsOf: repeatElement(0, count: length - bytes.count))
            }
        case .write(let offset, let data):
            let end = offset + data.count
            if bytes.count < end {
                bytes.append(contentsOf: repeatElement(0, count: end - bytes.count))
            }
            bytes.withUnsafeMutableBytes { target in
                data.withUnsafeBytes { source in
                    UnsafeMutableRawBufferPointer(rebasing: target[offset..<end])
                        .copyMemory(from: source)
                }
            }
        }
    }

    private static func apply(_ change: NameChange, to names: inout [String: Int]) {
        switch change {
        case .link(let path, let file): names[path] = file
        case .unlink(let path): names[path] = nil
        case .rename(let from, let to): rename(from, to, in: &names)
        }
    }

    /// Renames a file, or a directory with its content.
    private static func rename(_ from: String, _ to: String, in names: inout [String: Int]) {
        if let file = names.removeValue(forKey: from) {
            names[to] = file
            return
        }
        for path in names.keys.filter({ $0.hasPrefix(from + "/") }) {
            names[to + path.dropFirst(from.count)] = names.removeValue(forKey: path)
        }
    }

    private static func parent(of path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }
}
