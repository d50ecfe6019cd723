// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// A place of backups by its URL: `file:///PATH` or `s3://BUCKET/PREFIX`.
package enum BackupPlace {
    /// Opens a place; nothing is read or written yet.
    ///
    /// - Parameters:
    ///   - url: The URL.
    ///   - endpoint: The S3 server; `nil`: that of the environment, or Amazon's.
    ///   - allowsClearText: Whether data may leave this machine without TLS.
    ///   - environment: Returns the value of a variable.
    /// - Returns: The place.
    /// - Throws: `BAD_ENDPOINT` for another kind of URL; the errors of `S3Configuration`.
    package static func open(
        _ url: String,
        endpoint: String?,
        allowsClearText: Bool,
        environment: (String) -> String?
    ) throws(LodestoneError) -> any ObjectStore {
        if url.hasPrefix("file:///") {
            var directory = String(url.dropFirst(7))
            while directory.count > 1, directory.hasSuffix("/") { directory.removeLast() }
            return FileObjectStore(directory: directory)
        }
        guard url.hasPrefix("s3://") else {
            throw .invalid(
                .badEndpoint,
                "The URL '\(url)' is neither file:///PATH nor s3://BUCKET/PREFIX.",
                recovery: "Give one of these; a path after file:// is absolute."
            )
        }
        let parts = url.dropFirst(5).split(separator: "/", maxSplits: 1).map(String.init)
        var configuration = try S3Configuration(
            bucket: parts.first ?? "",
            prefix: parts.count > 1 ? parts[1] : "",
            endpoint: endpoint,
            environment: environment
        )
        configuration.allowsClearText = allowsClearText
        return try S3ObjectStore(configuration)
    }
}
