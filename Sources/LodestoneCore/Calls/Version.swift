// SPDX-License-Identifier: Apache-2.0

/// Versions that both ends of the wire name.
public enum LodestoneVersion {
    /// The version of this release.
    public static let release = "0.1.0"
    /// The version of the wire protocol.
    public static let wireProtocol: UInt32 = 1
}
