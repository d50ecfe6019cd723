// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient

extension MetadataIndex {
    /// Reads a field in the form that users type: names joined by dots.
    ///
    /// - Throws: `ValidationError` with the position of the fault; the argument parser prepends the
    ///   option and the value.
    static func typed(_ text: String) throws -> MetadataIndex {
        guard let fault = FieldPath.fault(in: text) else { return MetadataIndex(text) }
        let before = String(decoding: text.utf8.prefix(fault.position), as: UTF8.self)
        throw ValidationError(
            "character \(before.unicodeScalars.count + 1): \(fault.reason). Write author.name, and a "
                + "name that has a dot in double quotes: author.\"x.y\"."
        )
    }
}
