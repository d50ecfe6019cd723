// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneSystem

/// A record of the shim, or a note about the client between them.
enum TraceRecord {
    case create(path: String)
    case write(path: String, offset: Int, bytes: ArraySlice<UInt8>)
    case sync(path: String)
    case truncate(path: String, length: Int)
    case rename(from: String, to: String)
    case makeDirectory(path: String)
    case unlink(path: String)
    /// The client sent the call with this number.
    case sent(Int)
    case acknowledged(Int)
    /// The snapshot with this number was acknowledged.
    case snapshotAcknowledged(Int)
    /// A restore succeeded.
    case restored

    /// Whether the record changes the disk.
    var isChange: Bool {
        switch self {
        case .sent, .acknowledged, .snapshotAcknowledged, .restored: false
        default: true
        }
    }
}

enum Trace {
    private static let magic: UInt32 = 0x4c4f_4445
    private static let sent: UInt32 = 200
    private static let acknowledged: UInt32 = 201
    private static let snapshotAcknowledged: UInt32 = 202
    private static let restored: UInt32 = 203

    /// Reads a trace from its start to its end.
    static func read(_ path: String) throws -> [TraceRecord] {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        var records: [TraceRecord] = []
        var at = 0
        func number<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
            bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at + offset, as: type) }
        }
        while at + 32 <= bytes.count {
            guard number(0, UInt32.self) == magic else {
                throw Finding(.refusal, "The trace is broken at \(at).")
            }
            let call = number(4, UInt32.self)
            let pathEnd = at + 32 + Int(number(8, UInt32.self))
            let targetEnd = pathEnd + Int(number(12, UInt32.self))
            let offset = Int(number(16, UInt64.self))
            let length = Int(number(24, UInt64.self))
            let path = String(decoding: bytes[(at + 32)..<pathEnd], as: UTF8.self)
            let target = String(decoding: bytes[pathEnd..<targetEnd], as: UTF8.self)
            at = targetEnd
            switch call {
            case 2:
                records.append(
                    .write(path: path, offset: offset, bytes: bytes[at..<(at + length)])
                )
                at += length
            case 3: records.append(.sync(path: path))
            case 4: records.append(.truncate(path: path, length: length))
            case 5: records.append(.rename(from: path, to: target))
            case 6: records.append(.makeDirectory(path: path))
            case 7: records.append(.unlink(path: path))
            case 100: records.append(.create(path: path))
            case sent: records.append(.sent(offset))
            case acknowledged: records.append(.acknowledged(offset))
            case snapshotAcknowledged: records.append(.snapshotAcknowledged(offset))
            case restored: records.append(.restored)
            default: throw Finding(.refusal, "The trace has a call \(call).")
            }
        }
        return records
    }

    /// Adds a note that the client has sent a call.
    static func note(sent number: Int, in path: String) throws {
        try note(sent, number, path)
    }

    static func note(acknowledged number: Int, in path: String) throws {
        try note(acknowledged, number, path)
    }

    static func note(snapshotAcknowledged number: Int, in path: String) throws {
        try note(snapshotAcknowledged, number, path)
    }

    static func noteRestored(in path: String) throws {
        try note(restored, 0, path)
    }

    private static func note(_ call: UInt32, _ number: Int, _ path: String) throws {
        var bytes: [UInt8] = []
        for field in [magic, call, 0, 0] {
            withUnsafeBytes(of: field.littleEndian) { bytes.append(contentsOf: $0) }
        }
        for field in [UInt64(number), 0] {
            withUnsafeBytes(of: field.littleEndian) { bytes.append(contentsOf: $0) }
        }
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        guard descriptor >= 0, write(descriptor, bytes, bytes.count) == bytes.count else {
            throw Finding(.refusal, "The trace can't be written.")
        }
    }
}
