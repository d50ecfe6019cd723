// SPDX-License-Identifier: Apache-2.0

/// The name of a fault in the environment of a debug build.
///
/// In a release build all names are empty, so the program contains none of them.
@usableFromInline
package struct FaultName: ExpressibleByStringLiteral, Equatable, Sendable {
    #if DEBUG
    package let text: String

    @usableFromInline
    package init(stringLiteral text: StaticString) { self.text = "\(text)" }
    #else
    @inlinable package var text: String { "" }

    @inlinable
    package init(stringLiteral text: StaticString) {}
    #endif
}

extension CaseIterable where Self: RawRepresentable, RawValue == FaultName {
    /// The name in the environment; empty in a release build.
    package var name: String { rawValue.text }

    /// The fault of a name; `nil` when no fault has the name, and always in a release build.
    package init?(name: String) {
        guard !name.isEmpty, let named = Self.allCases.first(where: { $0.name == name }) else {
            return nil
        }
        self = named
    }
}
