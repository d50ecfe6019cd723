// SPDX-License-Identifier: Apache-2.0
import CLodestoneProto
import LodestoneCore

/// The bounds of the decoder for one message.
struct DecodingBounds {
    /// The deepest nesting of messages.
    var nesting: Int
    /// The most bytes of one packed document.
    var documentByteCount: Int

    /// The bounds of a message that a client sent.
    static func request(_ limits: Limits) -> DecodingBounds {
        DecodingBounds(
            nesting: limits.maxNesting,
            documentByteCount: limits.maxDocumentBytes
        )
    }

    /// The bounds of a message that a server sent.
    ///
    /// A document is nested deeper in a hit than in a batch, and the server may have wider limits
    /// than the client's release.
    static func response(_ limits: Limits) -> DecodingBounds {
        DecodingBounds(nesting: 2 * limits.maxNesting, documentByteCount: .max)
    }

    /// The most bytes that a message of `byteCount` bytes may take when unpacked.
    ///
    /// Unpacked messages of many small items take 10 to 25 times their bytes. Unpacked messages of
    /// vectors and text take little more than their bytes. The bound is 32 times `byteCount` and 64
    /// KiB more, up to 64 MiB. A message of more than 4 MiB has a bound of 16 times `byteCount`:
    /// 256 MiB for the largest frame by default.
    static func decodedByteCount(for byteCount: Int) -> Int {
        min(32 * byteCount + 64 << 10, max(64 << 20, 16 * byteCount))
    }
}

extension MessageCodec {
    /// Scans and unpacks a request, and calls `body` with it.
    static func withUnpackedRequest<Result>(
        _ bytes: UnsafeRawBufferPointer,
        bounds: DecodingBounds,
        _ body: (UnsafePointer<CRequest>) throws(LodestoneError) -> Result
    ) throws(DecodingFailure) -> Result {
        try withUnpacked(
            bytes,
            bounds,
            scan: lode_scan_request,
            unpack: lode_unpack_request,
            body
        )
    }

    /// Scans and unpacks a response, and calls `body` with it.
    static func withUnpackedResponse<Result>(
        _ bytes: UnsafeRawBufferPointer,
        bounds: DecodingBounds,
        _ body: (UnsafePointer<CResponse>) throws(LodestoneError) -> Result
    ) throws(DecodingFailure) -> Result {
        try withUnpacked(
            bytes,
            bounds,
            scan: lode_scan_response,
            unpack: lode_unpack_response,
            body
        )
    }

    private static func withUnpacked<Message, Result>(
        _ bytes: UnsafeRawBufferPointer,
        _ bounds: DecodingBounds,
        scan: (UnsafePointer<UInt8>?, Int, lode_scan_limits, UnsafeMutablePointer<UInt8>?) ->
            lode_scan_result,
        unpack: (OpaquePointer?, UnsafePointer<UInt8>?, Int) -> UnsafePointer<Message>?,
        _ body: (UnsafePointer<Message>) throws(LodestoneError) -> Result
    ) throws(DecodingFailure) -> Result {
        let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let budget = DecodingBounds.decodedByteCount(for: bytes.count)
        let limits = lode_scan_limits(
            max_depth: UInt32(clamping: bounds.nesting),
            max_decoded_bytes: budget,
            max_document_bytes: bounds.documentByteCount
        )
        let result = scan(start, bytes.count, limits, nil)
        let id = result.has_id ? result.id : nil
        if let error = LodestoneError(result, bytes, budget: budget, bounds) {
            throw DecodingFailure(id: id, error: error)
        }
        guard result.groups > 0 else {
            return try unpacked(start, bytes.count, result, budget: budget, unpack, body)
        }
        var copy = [UInt8](bytes)
        return try copy.withUnsafeMutableBufferPointer { copy throws(DecodingFailure) in
            _ = scan(start, bytes.count, limits, copy.baseAddress)
            return try unpacked(
                copy.baseAddress.map { UnsafePointer($0) },
                copy.count,
                result,
                budget: budget,
                unpack,
                body
            )
        }
    }

    /// Unpacks bytes that passed their scan, and calls `body` with the message.
    private static func unpacked<Message, Result>(
        _ start: UnsafePointer<UInt8>?,
        _ byteCount: Int,
        _ result: lode_scan_result,
        budget: Int,
        _ unpack: (OpaquePointer?, UnsafePointer<UInt8>?, Int) -> UnsafePointer<Message>?,
        _ body: (UnsafePointer<Message>) throws(LodestoneError) -> Result
    ) throws(DecodingFailure) -> Result {
        let id = result.has_id ? result.id : nil
        guard let arena = lode_arena_take(result.decoded_bytes, budget) else {
            throw DecodingFailure(id: id, error: .overBudget(byteCount, budget: budget))
        }
        defer { lode_arena_give(arena) }
        guard let message = unpack(arena, start, byteCount) else {
            let isExhausted = lode_arena_is_exhausted(arena)
            throw DecodingFailure(
                id: id,
                error: isExhausted
                    ? .overBudget(byteCount, budget: budget)
                    : .malformed("The message of \(byteCount) bytes does not fit the schema.")
            )
        }
        do throws(LodestoneError) {
            return try body(message)
        } catch {
            throw DecodingFailure(id: id, error: error)
        }
    }
}

extension LodestoneError {
    /// The error for a scan that failed.
    fileprivate init?(
        _ result: lode_scan_result,
        _ bytes: UnsafeRawBufferPointer,
        budget: Int,
        _ bounds: DecodingBounds
    ) {
        let byteCount = bytes.count
        switch result.status {
        case LODE_SCAN_OK:
            return nil
        case LODE_SCAN_TOO_DEEP:
            self = .invalid(
                .nestingTooDeep,
                "Byte \(result.offset) of the message begins nesting level "
                    + "\(bounds.nesting + 1); the limit is \(bounds.nesting).",
                recovery: "Flatten the metadata or the filter."
            )
        case LODE_SCAN_OVER_BUDGET:
            self = .overBudget(byteCount, budget: budget)
        case LODE_SCAN_DOCUMENT_TOO_LARGE:
            self = .limit(
                "documents[\(result.document_index)]",
                result.document_bytes,
                bounds.documentByteCount,
                unit: "bytes"
            )
            object = Self.documentID(in: bytes.dropFirst(result.document_offset))
        case LODE_SCAN_WRONG_WIRE_TYPE:
            let names = [result.message_name, result.field_name].map { name in
                name.map { String(cString: $0) } ?? ""
            }
            self = .malformed(
                "Byte \(result.offset) of the message begins the field \(names[1]) of \(names[0]) with "
                    + "the wire type \(result.wire_type), which is not that of its type.",
                field: names[1]
            )
        default:
            self = .malformed(
                "The message of \(byteCount) bytes is malformed at byte \(result.offset)."
            )
        }
    }

    /// The id of a packed document, if it is the first field, where every encoder writes it.
    private static func documentID(in bytes: Slice<UnsafeRawBufferPointer>) -> String? {
        guard bytes.first == 0x0A, let first = bytes.dropFirst().first else { return nil }
        var byteCount = Int(first)
        var id = bytes.dropFirst(2)
        if first > 0x7F {
            guard let second = id.popFirst(), second <= 0x7F else { return nil }
            byteCount = Int(first & 0x7F) | Int(second) << 7
        }
        guard byteCount <= DocumentID.maxByteCount, id.count >= byteCount else { return nil }
        return String(utf8: UnsafeRawBufferPointer(rebasing: id.prefix(byteCount)))
    }

    /// The error for bytes that are no message of the protocol.
    static func malformed(_ message: String, field: String? = nil) -> LodestoneError {
        .invalid(
            .malformed,
            message,
            recovery: "Encode messages by proto/lodestone/v1 and the rules of PROTOCOL.md.",
            field: field
        )
    }

    fileprivate static func overBudget(_ byteCount: Int, budget: Int) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .decodeBudget,
            "A message of \(byteCount) bytes takes more than \(budget) bytes once decoded.",
            recovery: "Send the batch in parts."
        )
    }
}
