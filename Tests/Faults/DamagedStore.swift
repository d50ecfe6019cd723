// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneSystem
import TestSupport

/// One damage to a file of a store.
struct Blow: CustomStringConvertible {
    enum Damage: String, CaseIterable {
        case flip, cut, zeros, swap
    }

    /// The size of a page that is filled with zeros, or swapped with the next.
    static let page = 4_096

    var file: String
    var position: Int
    var damage: Damage

    var description: String { "\(file):\(position):\(damage)" }

    /// Whether the file is a derived index: the rows have all its content.
    var isDerived: Bool { file.hasSuffix(".base") }

    /// The number of damages to a file of `count` bytes; the flips of every byte come first.
    static func count(of count: Int) -> (flips: Int, all: Int) {
        (count, count + (count + page - 1) / page * (Damage.allCases.count - 1))
    }

    init(file: String, number: Int, of count: Int) {
        self.file = file
        let others = Damage.allCases.count - 1
        let isFlip = number < count
        position = isFlip ? number : (number - count) / others * Self.page
        damage = isFlip ? .flip : Damage.allCases[1 + (number - count) % others]
    }

    init?(_ text: String) {
        let parts = text.split(separator: ":").map(String.init)
        guard parts.count == 3, let position = Int(parts[1]), position >= 0,
            let damage = Damage(rawValue: parts[2])
        else { return nil }
        (file, self.position, self.damage) = (parts[0], position, damage)
    }
}

/// A copy of a store that is damaged in place, opened, and restored.
///
/// A new copy per damage would write the whole store. Instead the copy is compared with the
/// original, and only the bytes that the damage or a process has changed are written back.
struct DamagedStore {
    /// The bytes that are compared, and if need be written, at once.
    private static let stretch = 1 << 20

    let directory: String
    private let original: String
    private let seed: UInt64
    /// The files of the original, mapped: no process changes or opens them.
    private let files: [String: Data]

    /// Copies the store in `original` to `directory`.
    init(of original: String, in directory: String, seed: UInt64) throws {
        self.directory = directory
        self.original = original
        self.seed = seed
        var files: [String: Data] = [:]
        for name in try Self.names(in: original) {
            let url = URL(fileURLWithPath: "\(original)/\(name)")
            files[name] = try Data(contentsOf: url, options: .alwaysMapped)
        }
        self.files = files
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.copyItem(atPath: original, toPath: directory)
    }

    /// The files that have bytes to damage.
    var sizes: [(name: String, count: Int)] {
        files.map { ($0.key, $0.value.count) }.filter { $0.1 > 0 }.sorted { $0.0 < $1.0 }
    }

    private static func names(in folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder).filter { name in
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
            return attributes[.type] as? FileAttributeType == .typeRegular
        }
    }

    /// Damages the whole store.
    func strike(_ blow: Blow) throws {
        guard let bytes = files[blow.file], blow.position < bytes.count else {
            throw Finding(.refusal, "The store has no \(blow).")
        }
        let at = blow.position
        let page = at..<min(at + Blow.page, bytes.count)
        try withFile(blow.file) { file in
            switch blow.damage {
            case .flip:
                var random = SeededGenerator(seed: seed ^ UInt64(at))
                let bit: UInt8 = 1 << UInt8.random(in: 0..<8, using: &random)
                try file.write(Data([bytes[at] ^ bit]), at: at)
            case .cut: try file.truncate(to: at)
            case .zeros: try file.write(Data(count: page.count), at: at)
            case .swap:
                let other = (at + Blow.page) % max(1, bytes.count / Blow.page * Blow.page)
                let count = min(page.count, bytes.count - other)
                try file.write(bytes[other..<other + count], at: at)
                try file.write(bytes[at..<at + count], at: other)
            }
        }
    }

    /// Restores all bytes that the damage, or a process that opened the store, has changed.
    func restore() throws {
        for name in try Self.names(in: directory) where files[name] == nil {
            try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
        }
        for (name, bytes) in files {
            if name.hasSuffix(".db") {
                // The file is created again: a process that opened the old one may close it a
                // little later, and SQLite shares one index of the log among all opens of a file in
                // a process.
                let path = "\(directory)/\(name)"
                try FileManager.default.removeItem(atPath: path)
                try FileManager.default.copyItem(atPath: "\(original)/\(name)", toPath: path)
                continue
            }
            try withFile(name) { file in
                if file.byteCount != bytes.count { try file.truncate(to: bytes.count) }
                for start in stride(from: 0, to: bytes.count, by: Self.stretch) {
                    let range = start..<min(start + Self.stretch, bytes.count)
                    if try !file.hasBytes(bytes[range], at: start) {
                        try file.write(bytes[range], at: start)
                    }
                }
            }
        }
    }

    private func withFile(_ name: String, _ body: (OpenFile) throws -> Void) throws {
        let file = try OpenFile("\(directory)/\(name)", bufferByteCount: Self.stretch)
        defer { file.end() }
        try body(file)
    }
}

/// A file that is read and written at offsets.
private struct OpenFile {
    private let path: String
    private let descriptor: Int32
    private let buffer: UnsafeMutableRawBufferPointer

    init(_ path: String, bufferByteCount: Int) throws {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        buffer = .allocate(byteCount: bufferByteCount, alignment: 64)
        try check(descriptor >= 0, "opened")
    }

    func end() {
        close(descriptor)
        buffer.deallocate()
    }

    var byteCount: Int { Int(lseek(descriptor, 0, SEEK_END)) }

    func truncate(to count: Int) throws {
        try check(ftruncate(descriptor, off_t(count)) == 0, "cut off")
    }

    func write(_ bytes: Data, at offset: Int) throws {
        let written = bytes.withUnsafeBytes { bytes in
            pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset))
        }
        try check(written == bytes.count, "written")
    }

    /// - Precondition: The buffer has room for `bytes.count` bytes.
    func hasBytes(_ bytes: Data, at offset: Int) throws -> Bool {
        let read = pread(descriptor, buffer.baseAddress, bytes.count, off_t(offset))
        try check(read == bytes.count, "read")
        return bytes.withUnsafeBytes { bytes in
            guard let own = buffer.baseAddress, let other = bytes.baseAddress else { return true }
            return memcmp(own, other, bytes.count) == 0
        }
    }

    private func check(_ isDone: Bool, _ what: String) throws {
        guard isDone else {
            throw Skip(reason: "\(path) can't be \(what): \(String(cString: strerror(errno))).")
        }
    }
}
