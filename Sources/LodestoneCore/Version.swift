// SPDX-License-Identifier: Apache-2.0

/// Versions that both ends of the wire name.
public enum LodestoneVersion {
    /// Of this release.
    public static let release = "0.1.0"
    /// Of the wire protocol.
    public static let wireProtocol: UInt32 = 1
}
