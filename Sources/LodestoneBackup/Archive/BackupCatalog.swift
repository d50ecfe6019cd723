// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneStorage
import LodestoneStructures

/// Reads the entries of the backups in one place.
///
/// Threading: any thread; each call blocks its thread.
package struct BackupCatalog: Sendable {
    /// The most states that are followed; a chain of more is no backup.
    private static let maxStates = 100_000

    let objects: any ObjectStore
    let context: CallContext

    package init(_ objects: any ObjectStore, context: CallContext) {
        self.objects = objects
        self.context = context
    }

    /// The lines of an entry; `nil` when there is no entry of the number.
    func entry(_ number: UInt64) throws(LodestoneError) -> BackupEntry? {
        let bytes = try objects.get(
            BackupEntry.key(number),
            maxBytes: BackupEntry.maxHeaderBytes,
            prefixBytes: BackupEntry.maxHeaderBytes,
            context: context
        )
        guard let bytes else { return nil }
        return try BackupEntry(bytes, number: number, at: objects.url)
    }

    /// The newest entry; `nil` when there are no backups.
    ///
    /// Only the oldest entries are ever deleted, so the numbers have no gaps. The search doubles
    /// its steps, and needs few requests for any number of entries.
    package func newest() throws(LodestoneError) -> BackupEntry? {
        guard var last = try oldestNumber() else { return nil }
        var step: UInt64 = 1
        while last + step < BackupEntry.maxNumber, try isAny(after: last + step) {
            last += step
            step *= 2
        }
        while step > 0 {
            if last + step <= BackupEntry.maxNumber, try isAny(after: last + step - 1) {
                last += step
            } else {
                step /= 2
            }
        }
        guard let entry = try entry(last) else {
            throw .damagedBackup(objects.url, "the entry \(last) is missing")
        }
        return entry
    }

    /// The number of the oldest entry.
    func oldestNumber() throws(LodestoneError) -> UInt64? {
        let page = try objects.list(BackupEntry.prefix, after: nil, limit: 1, context: context)
        guard let object = page.first else { return nil }
        guard let number = BackupEntry.number(object.key) else {
            throw .hostileBackup(objects.url, "'\(object.key.prefix(80))' is no entry")
        }
        return number
    }

    private func isAny(after number: UInt64) throws(LodestoneError) -> Bool {
        let page = try objects.list(
            BackupEntry.prefix,
            after: BackupEntry.key(number),
            limit: 1,
            context: context
        )
        return !page.isEmpty
    }

    /// The states that exist, newest first.
    package func states() throws(LodestoneError) -> [BackupEntry] {
        guard let newest = try newest() else { return [] }
        return try states(before: newest)
    }

    func states(before newest: BackupEntry) throws(LodestoneError) -> [BackupEntry] {
        var states: [BackupEntry] = []
        var number = newest.state
        while number > 0, let entry = try entry(number) {
            guard entry.kind == .state, entry.history == newest.history,
                states.count < Self.maxStates
            else { throw .hostileBackup(objects.url, "the entry \(number) is no state of it") }
            states.append(entry)
            number = entry.previousState
        }
        return states
    }

    /// The number of the first entry that a restore from a state needs.
    ///
    /// The log may have been written past a state before the state was complete.
    func firstEntry(of state: BackupEntry) throws(LodestoneError) -> UInt64 {
        var number = state.number
        while number > 1, let earlier = try entry(number - 1), earlier.kind == .log,
            earlier.last > state.last
        { number -= 1 }
        return number
    }

    /// Reads an entry with its payload, compares it with its checksum, and decompresses it.
    func payload(of entry: BackupEntry) throws(LodestoneError) -> [UInt8] {
        let name = "\(objects.url)/\(entry.key)"
        let bytes = try objects.get(
            entry.key,
            maxBytes: entry.header.count + Int(entry.payloadBytes),
            prefixBytes: nil,
            context: context
        )
        guard let bytes else { throw .damagedBackup(name, "it is missing") }
        let header = entry.header
        guard bytes.starts(with: header) else {
            throw .damagedBackup(name, "another entry has its name now")
        }
        let payload = bytes[header.count...]
        guard payload.count == Int(entry.payloadBytes),
            SHA256.digest(of: Array(payload)) == entry.payloadSum
        else { throw .damagedBackup(name, "its payload fails its checksum") }
        return try Compression.decompress(payload, to: Int(entry.plainBytes), name)
    }

    /// The files of a state.
    func files(of state: BackupEntry) throws(LodestoneError) -> StatePayload {
        try StatePayload(try payload(of: state), "\(objects.url)/\(state.key)")
    }

    /// Reads a chunk and compares it with its name.
    func content(of chunk: StatePayload.Chunk) throws(LodestoneError) -> [UInt8] {
        let name = "\(objects.url)/\(chunk.key)"
        let bytes = try objects.get(
            chunk.key,
            maxBytes: chunk.storedByteCount,
            prefixBytes: nil,
            context: context
        )
        guard let bytes else { throw .damagedBackup(name, "it is missing") }
        let content = try Compression.decompress(bytes[...], to: chunk.byteCount, name)
        guard SHA256.digest(of: content) == chunk.sum else {
            throw .damagedBackup(name, "it fails its checksum")
        }
        return content
    }
}
