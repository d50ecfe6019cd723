// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// A lock apart from the state that it guards.
///
/// It guards state with buffers. The closure of a `Mutex` could not return pointers into such
/// state.
struct Lock: ~Copyable, Sendable {
    private let mutex = Mutex<Void>(())

    // Inlined, because every message takes the lock.
    @inline(__always)
    func locked<E: Error, R>(_ body: () throws(E) -> R) throws(E) -> R {
        // The result may not be sent out of a mutex' closure, so it lies outside.
        var result: Result<R, E>?
        mutex.withLock { _ in
            do throws(E) {
                result = .success(try body())
            } catch {
                result = .failure(error)
            }
        }
        guard let result else { preconditionFailure("a mutex did not run its closure") }
        return try result.get()
    }
}
