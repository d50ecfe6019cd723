// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneCore
import Synchronization

/// Several requests to a place at a time.
enum Parallel {
    /// The most requests at a time.
    static let width = 8

    /// Calls `body` for each element, on several threads, and waits for all calls.
    ///
    /// - Returns: The results in the order of the elements.
    /// - Throws: The first error.
    static func map<Element: Sendable, Result: Sendable>(
        _ elements: [Element],
        _ body: @Sendable (Element) throws(LodestoneError) -> Result
    ) throws(LodestoneError) -> [Result] {
        let results = Mutex<[Int: Result]>([:])
        let failure = Mutex<LodestoneError?>(nil)
        DispatchQueue.concurrentPerform(iterations: elements.count) { index in
            if failure.withLock({ $0 != nil }) { return }
            do throws(LodestoneError) {
                let result = try body(elements[index])
                results.withLock { $0[index] = result }
            } catch {
                failure.withLock { if $0 == nil { $0 = error } }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        return results.withLock { results in elements.indices.compactMap { results[$0] } }
    }
}
