// SPDX-License-Identifier: Apache-2.0

extension LodestoneError {
    /// A stable word for the details of a failure: `STORE_BUSY`.
    ///
    /// The constants are the words of this release. A server of a later release may send others,
    /// which stay unchanged.
    public struct Reason: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The word in upper case, as on the wire.
        public let rawValue: String

        /// Wraps a word.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The word.
        public var description: String { rawValue }
    }
}
