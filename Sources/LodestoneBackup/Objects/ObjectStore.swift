// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// A place for objects: a directory, or a bucket of an S3 server.
///
/// Threading: any thread; each call blocks its thread.
package protocol ObjectStore: Sendable {
    /// The URL of the place, for messages.
    var url: String { get }

    /// Reads an object, or its first bytes.
    ///
    /// - Parameters:
    ///   - key: The name of the object.
    ///   - maxBytes: The largest object that is accepted.
    ///   - prefixBytes: The number of first bytes to read; `nil`: all of them.
    ///   - context: The call that may end the work.
    /// - Returns: `nil` when there is no such object.
    /// - Throws: `BAD_BACKUP` for a larger object.
    func get(_ key: String, maxBytes: Int, prefixBytes: Int?, context: CallContext)
        throws(LodestoneError) -> [UInt8]?

    /// Writes an object as a whole; readers see it whole or not at all.
    ///
    /// - Parameters:
    ///   - key: The name of the object.
    ///   - bytes: The content.
    ///   - ifAbsent: Whether an existing object stays, which is decided in the place itself.
    ///   - context: The call that may end the work.
    /// - Returns: False when the object existed and stayed.
    /// - Throws: `.unavailable` when the place does not reply; `.permissionDenied`.
    func put(_ key: String, _ bytes: [UInt8], ifAbsent: Bool, context: CallContext)
        throws(LodestoneError) -> Bool

    /// Lists objects in the order of their names.
    ///
    /// - Parameters:
    ///   - prefix: The start of the names.
    ///   - last: The name after which the list begins; `nil`: the first name.
    ///   - limit: The most objects, at most 1,000.
    ///   - context: The call that may end the work.
    /// - Returns: The objects.
    /// - Throws: `.unavailable` when the place does not reply; `.permissionDenied`.
    func list(_ prefix: String, after last: String?, limit: Int, context: CallContext)
        throws(LodestoneError) -> [ObjectInfo]

    /// Deletes an object, if there is one.
    func delete(_ key: String, context: CallContext) throws(LodestoneError)
}

/// An object of a list.
package struct ObjectInfo: Sendable, Equatable {
    package var key: String
    package var byteCount: UInt64
    /// Seconds since 1970 of the last change, by the clock of the place.
    package var modifiedAt: Int64

    package init(key: String, byteCount: UInt64, modifiedAt: Int64) {
        self.key = key
        self.byteCount = byteCount
        self.modifiedAt = modifiedAt
    }
}

extension ObjectStore {
    /// Calls `body` with every object under a prefix, in the order of the names.
    func forEach(
        _ prefix: String,
        context: CallContext,
        _ body: (ObjectInfo) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        let pageCount = 1_000
        var last: String?
        while true {
            let page = try list(prefix, after: last, limit: pageCount, context: context)
            for object in page { try body(object) }
            guard page.count == pageCount, let end = page.last?.key else { return }
            last = end
        }
    }
}

/// The rules for names of objects, which become paths and parts of URLs.
enum ObjectKey {
    /// Letters, digits, `-`, `_`, `.` and `/`, without empty parts and parts that begin with a dot.
    static func isPlain(_ key: String) -> Bool {
        let parts = key.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return key.utf8.count <= 900
            && parts.allSatisfy { part in
                part.first.map { $0 != UInt8(ascii: ".") } ?? false && part.allSatisfy(isPlain)
            }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }
}
