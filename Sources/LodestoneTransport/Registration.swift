// SPDX-License-Identifier: Apache-2.0

/// The events for which a descriptor is ready, or is registered.
struct Readiness: OptionSet {
    let rawValue: UInt32
    /// There is input, or its end.
    static let read = Readiness(rawValue: 1)
    /// There is room for output.
    static let write = Readiness(rawValue: 2)
    /// An error, or both directions have ended.
    ///
    /// Linux reports it without a request.
    static let hangup = Readiness(rawValue: 4)
}

/// An object that a loop tells about the object's descriptor.
protocol Pollable: AnyObject {
    /// Called on the loop.
    func ready(_ readiness: Readiness)
    /// The loop ends.
    ///
    /// It is called on the loop, once.
    func loopEnded()
}

/// A descriptor that a loop owns and waits for.
///
/// Threading: belongs to its loop.
final class Registration: @unchecked Sendable {
    // Unchecked: everything that varies is touched on the loop only.
    let descriptor: Int32
    /// The object that is told; kept until the registration ends.
    var pollable: (any Pollable)?
    /// The events that it is told about.
    var interest: Readiness = []
    /// The poller's mark: the slot, or a value that the platform needs.
    var slot = -1
    #if canImport(Darwin)
    var sources: RegistrationSources?
    #endif

    init(descriptor: Int32, pollable: (any Pollable)?) {
        self.descriptor = descriptor
        self.pollable = pollable
    }
}
