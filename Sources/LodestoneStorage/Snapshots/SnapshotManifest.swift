// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The first part of an archive: a list of all that follows.
///
/// Lines of ASCII, each ended by a newline, in exactly this form:
///
///     lodestone-snapshot 1
///     sequence-number 42
///     created-microseconds 1763730000000000
///     member lodestone.db 163840 <SHA-256>
///     member vectors-1-0.seg 640 <SHA-256>
///     manifest <SHA-256 of the lines above>
///
/// Checksums are 64 hexadecimal digits, so the manifest's length is known before they are.
struct SnapshotManifest: Equatable {
    struct Member: Equatable {
        var name: String
        var byteCount: UInt64
        /// The SHA-256 of the member's content.
        var sum: [UInt8]
    }

    static let format = 1
    /// The largest manifest, of some 40,000 segments of 256 MiB each.
    static let maxByteCount = 4 << 20
    static let sumByteCount = 32

    var sequenceNumber: UInt64
    /// Microseconds since 1970.
    var createdAt: Int64
    var members: [Member]

    var bytes: [UInt8] {
        var text = "lodestone-snapshot \(Self.format)\n"
        text += "sequence-number \(sequenceNumber)\n"
        text += "created-microseconds \(createdAt)\n"
        for member in members {
            text += "member \(member.name) \(member.byteCount) \(Hexadecimal.text(member.sum))\n"
        }
        text += "manifest \(Hexadecimal.text(Self.sum(of: Array(text.utf8))))\n"
        return Array(text.utf8)
    }

    init(sequenceNumber: UInt64, createdAt: Int64, members: [Member]) {
        self.sequenceNumber = sequenceNumber
        self.createdAt = createdAt
        self.members = members
    }

    /// Reads a manifest; only the exact form above is accepted.
    ///
    /// - Throws: The fault of the manifest.
    init(_ bytes: [UInt8]) throws(SnapshotFault) {
        guard bytes.allSatisfy({ $0 == 10 || (32..<127).contains($0) }), bytes.last == 10 else {
            throw .damaged("its manifest is not text")
        }
        var lines = bytes.dropLast().split(separator: 10, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard let first = lines.first, first.hasPrefix("lodestone-snapshot ") else {
            throw .damaged("it does not begin as a snapshot does")
        }
        guard first == "lodestone-snapshot \(Self.format)" else {
            throw .newer(String(first.dropFirst(19).prefix(20)))
        }
        let last = lines.removeLast()
        let covered = bytes.prefix(bytes.count - last.utf8.count - 1)
        guard last == "manifest \(Hexadecimal.text(Self.sum(of: Array(covered))))" else {
            throw .damaged("its manifest fails its checksum")
        }
        guard lines.count > 3, let sequence = Self.number(lines[1], "sequence-number"),
            let created = Self.number(lines[2], "created-microseconds"),
            let createdAt = Int64(exactly: created)
        else { throw .hostile("its manifest lacks a line") }
        var members: [Member] = []
        var names: Set<String> = []
        for line in lines[3...] {
            let member = try Self.member(line)
            guard names.insert(member.name).inserted else {
                throw .hostile("the member '\(member.name)' occurs twice")
            }
            members.append(member)
        }
        self.init(sequenceNumber: sequence, createdAt: createdAt, members: members)
    }

    /// The bytes of all members together.
    func totalByteCount() throws(SnapshotFault) -> UInt64 {
        var total: UInt64 = 0
        for member in members {
            let (sum, overflow) = total.addingReportingOverflow(member.byteCount)
            guard !overflow else { throw .hostile("its members are larger than any disk") }
            total = sum
        }
        return total
    }

    private static func member(_ line: String) throws(SnapshotFault) -> Member {
        let parts = line.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "member" else {
            throw .hostile("the line '\(line.prefix(100))' of its manifest is none of a member")
        }
        let name = String(parts[1])
        try check(name: name)
        guard let byteCount = UInt64(parts[2]), "\(byteCount)" == parts[2], byteCount > 0,
            byteCount <= UInt64(Int64.max)
        else { throw .hostile("the member '\(name)' has the size '\(parts[2].prefix(40))'") }
        guard let sum = Hexadecimal.bytes(parts[3], count: sumByteCount) else {
            throw .hostile("the member '\(name)' has no SHA-256 sum")
        }
        return Member(name: name, byteCount: byteCount, sum: sum)
    }

    /// Permits only the names of a store's own files, so no name can lead out of the directory.
    private static func check(name: String) throws(SnapshotFault) {
        let shown = name.prefix(100)
        if name.hasPrefix("/") { throw .hostile("the member name '\(shown)' is absolute") }
        if name.contains("/") || name.contains("\\") || name.hasPrefix("..") {
            throw .hostile("the member name '\(shown)' leads out of the directory")
        }
        guard name == SchemaReader.databaseName || SegmentName(name) != nil else {
            throw .hostile("the member '\(shown)' is unexpected")
        }
    }

    private static func number(_ line: String, _ name: String) -> UInt64? {
        guard line.hasPrefix(name + " ") else { return nil }
        let digits = line.dropFirst(name.count + 1)
        return UInt64(digits).flatMap { "\($0)" == digits ? $0 : nil }
    }

    private static func sum(of bytes: [UInt8]) -> [UInt8] { SHA256.digest(of: bytes) }
}

/// A fault of an archive.
enum SnapshotFault: Error {
    /// The content differs from what was written.
    case damaged(String)
    /// No release of the program writes such content.
    case hostile(String)
    /// The format is that of a later release.
    case newer(String)

    /// The error for the archive at `path`.
    func error(_ path: String) -> LodestoneError {
        switch self {
        case .damaged(let what):
            LodestoneError(
                .dataLoss,
                reason: .corruptSnapshot,
                "The snapshot \(path) is damaged: \(what).",
                recovery: "Use another copy of it, or another snapshot.",
                object: path
            )
        case .hostile(let what):
            .invalid(
                .badSnapshot,
                "\(path) is refused: \(what).",
                recovery: "Use only snapshots that 'lodestone snapshot create' wrote.",
                object: path
            )
        case .newer(let format):
            LodestoneError(
                .failedPrecondition,
                reason: .formatTooNew,
                "The snapshot \(path) has format '\(format)'; this release reads "
                    + "\(SnapshotManifest.format).",
                recovery: "Use the release that wrote it, or a later one.",
                object: path
            )
        }
    }
}
