// SPDX-License-Identifier: Apache-2.0

/// The versions that both ends of the wire exchange.
public enum LodestoneVersion {
    /// The version of this release.
    public static let release = "0.1.0"
    /// The version of the wire protocol.
    public static let wireProtocol: UInt32 = 1
}
