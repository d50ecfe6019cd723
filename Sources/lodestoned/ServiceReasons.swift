// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The reasons why the program starts no server.
extension LodestoneError.Reason {
    /// A setting has an invalid value.
    static let badSetting = Self(rawValue: "BAD_SETTING")
    /// The directory of the store can't be created.
    static let cannotCreate = Self(rawValue: "CANNOT_CREATE")
}
