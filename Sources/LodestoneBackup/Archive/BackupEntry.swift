// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// One object `entries/NUMBER` of a backup: a state of the store, or batches of its log.
///
/// Entries are numbered from 1. An entry is written only where no entry of its number is, so of two
/// programs that back up into one place, one fails. The object has lines of ASCII in exactly this
/// form, and then the payload:
///
///     lodestone-backup 1
///     number 12
///     kind state                        or: log
///     history <16 bytes>                of the store (`RedoStatus`)
///     parent <SHA-256>                  of the lines of the entry before; zeros for the first
///     nonce <16 bytes>                  random
///     batches 42 42                     first and last batch; of a state its last batch, twice
///     times 1763730000000000 17637…     of these batches, in microseconds since 1970
///     state 12 7                        number of the last state and of the one before; 0: none
///     log-end 42 305419896              last batch of the log after this entry, and its chain
///     sizes 1048576 2048                bytes of the last state, and of the log after it
///     payload 1500 9000 <SHA-256>       bytes, bytes when decompressed, checksum of the bytes
///     entry <SHA-256>                   of the lines above
///
/// Bytes and checksums are in hexadecimal digits.
package struct BackupEntry: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case state
        case log
    }

    static let format = 1
    /// More bytes than the lines of any entry have.
    static let maxHeaderBytes = 2_048
    /// The largest payload, compressed and not.
    static let maxPayloadBytes = 512 << 20
    static let historyByteCount = 16

    package var number: UInt64 = 1
    package var kind: Kind
    package var history: [UInt8]
    package var parent = [UInt8](repeating: 0, count: SHA256.byteCount)
    package var nonce: [UInt8] = (0..<historyByteCount).map { _ in .random(in: 0...255) }
    /// The first batch of a log; the last batch of a state.
    package var first: UInt64
    /// The last batch.
    package var last: UInt64
    /// The time of the first batch, in microseconds since 1970.
    package var firstTime: Int64
    /// The time of the last batch; for a state, a time after its last batch.
    package var lastTime: Int64
    /// The number of the newest state up to this entry; 0: none.
    package var state: UInt64 = 0
    /// The number of the state before that one; 0: none.
    package var previousState: UInt64 = 0
    /// The last batch of the log after this entry.
    package var logEnd: UInt64
    /// The log's chain after that batch.
    package var logChain: UInt32
    /// The bytes of the objects of the newest state, including those that earlier states have.
    package var stateBytes: UInt64 = 0
    /// The bytes of the log's entries after the newest state.
    package var logBytes: UInt64 = 0
    var payloadBytes: UInt64 = 0
    var plainBytes: UInt64 = 0
    var payloadSum = [UInt8](repeating: 0, count: SHA256.byteCount)

    static let prefix = "entries/"
    /// The largest number of an entry, so that a forged list can't make a sum overflow.
    static let maxNumber: UInt64 = 999_999_999_999

    /// The name of the object.
    var key: String { Self.key(number) }

    static func key(_ number: UInt64) -> String {
        let digits = String(number)
        return prefix + String(repeating: "0", count: max(0, 12 - digits.utf8.count)) + digits
    }

    /// The number in the name of an object; `nil` for any other name.
    static func number(_ key: String) -> UInt64? {
        guard key.utf8.starts(with: prefix.utf8),
            let number = UInt64(key.utf8.count < 40 ? key.dropFirst(prefix.utf8.count) : ""),
            (1...maxNumber).contains(number), Self.key(number) == key
        else { return nil }
        return number
    }

    /// The lines before the payload.
    var header: [UInt8] {
        let covered = """
            lodestone-backup \(Self.format)
            number \(number)
            kind \(kind.rawValue)
            history \(Hexadecimal.text(history))
            parent \(Hexadecimal.text(parent))
            nonce \(Hexadecimal.text(nonce))
            batches \(first) \(last)
            times \(firstTime) \(lastTime)
            state \(state) \(previousState)
            log-end \(logEnd) \(logChain)
            sizes \(stateBytes) \(logBytes)
            payload \(payloadBytes) \(plainBytes) \(Hexadecimal.text(payloadSum))

            """
        let sum = SHA256.digest(of: Array(covered.utf8))
        return Array("\(covered)entry \(Hexadecimal.text(sum))\n".utf8)
    }

    /// The SHA-256 of the lines, which the next entry names as its parent.
    var sum: [UInt8] { SHA256.digest(of: header) }

    /// The entry as an object.
    ///
    /// - Parameters:
    ///   - payload: The payload; its size and checksum become part of the lines.
    ///   - plainBytes: The bytes of the payload before its compression.
    /// - Returns: The lines and the payload.
    mutating func object(_ payload: [UInt8], plainBytes: Int) -> [UInt8] {
        payloadBytes = UInt64(payload.count)
        self.plainBytes = UInt64(plainBytes)
        payloadSum = SHA256.digest(of: payload)
        return header + payload
    }
}

extension BackupEntry {
    /// Reads the lines at the start of an object; only the exact form is accepted.
    ///
    /// - Parameters:
    ///   - object: The object, or its first `maxHeaderBytes` bytes.
    ///   - number: The number in its name.
    ///   - place: The URL, for errors.
    /// - Throws: `.dataLoss` for damaged lines; `BAD_BACKUP` for lines that no release writes.
    init(_ object: [UInt8], number: UInt64, at place: String) throws(LodestoneError) {
        let name = "\(place)/\(Self.key(number))"
        let text = String(decoding: object.prefix(Self.maxHeaderBytes), as: UTF8.self)
        let lines = text.split(separator: "\n", maxSplits: 13, omittingEmptySubsequences: false)
            .map(String.init)
        let title = lines.first ?? ""
        guard title.hasPrefix("lodestone-backup "), lines.count == 14 else {
            throw .damagedBackup(name, "it does not begin as an entry does")
        }
        guard title == "lodestone-backup \(Self.format)" else {
            let format = title.dropFirst(17).prefix(20)
            throw .hostileBackup(
                name,
                "it has format '\(format)'; this release reads \(Self.format)"
            )
        }
        let fields = lines.dropLast().map { $0.split(separator: " ").map(String.init) }
        guard let entry = Self.entry(fields) else {
            throw .damagedBackup(name, "its lines are not those of an entry")
        }
        guard object.starts(with: entry.header) else {
            throw .damagedBackup(name, "its lines fail their checksum")
        }
        guard entry.number == number, entry.isPlausible else {
            throw .hostileBackup(name, "its lines contradict each other or its name")
        }
        self = entry
    }

    private static func entry(_ fields: [[String]]) -> BackupEntry? {
        let names = [
            "number", "kind", "history", "parent", "nonce", "batches", "times", "state", "log-end",
            "sizes", "payload", "entry",
        ]
        let counts = [2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 2]
        for (index, name) in names.enumerated() {
            guard fields[index + 1].first == name, fields[index + 1].count == counts[index] else {
                return nil
            }
        }
        func number(_ line: Int, _ field: Int) -> UInt64? { UInt64(fields[line][field]) }
        guard let own = number(1, 1), let kind = Kind(rawValue: fields[2][1]),
            let history = Hexadecimal.bytes(fields[3][1], count: historyByteCount),
            let parent = Hexadecimal.bytes(fields[4][1], count: SHA256.byteCount),
            let nonce = Hexadecimal.bytes(fields[5][1], count: historyByteCount),
            let first = number(6, 1), let last = number(6, 2),
            let firstTime = Int64(fields[7][1]), let lastTime = Int64(fields[7][2]),
            let state = number(8, 1), let previousState = number(8, 2),
            let logEnd = number(9, 1), let chain = UInt32(fields[9][2]),
            let stateBytes = number(10, 1), let logBytes = number(10, 2),
            let payloadBytes = number(11, 1), let plainBytes = number(11, 2),
            let sum = Hexadecimal.bytes(fields[11][3], count: SHA256.byteCount)
        else { return nil }
        var entry = BackupEntry(
            kind: kind,
            history: history,
            first: first,
            last: last,
            firstTime: firstTime,
            lastTime: lastTime,
            logEnd: logEnd,
            logChain: chain
        )
        (entry.number, entry.parent, entry.nonce) = (own, parent, nonce)
        (entry.state, entry.previousState) = (state, previousState)
        (entry.stateBytes, entry.logBytes) = (stateBytes, logBytes)
        (entry.payloadBytes, entry.plainBytes, entry.payloadSum) = (payloadBytes, plainBytes, sum)
        return entry
    }

    private var isPlausible: Bool {
        let limit = UInt64(Self.maxPayloadBytes)
        guard payloadBytes <= limit, plainBytes <= limit, last <= logEnd,
            logEnd <= UInt64(Int64.max)
        else { return false }
        switch kind {
        case .state: return first == last && state == number && previousState < number
        case .log: return first <= last && last == logEnd && state < number
        }
    }
}
