// SPDX-License-Identifier: Apache-2.0
import LodestoneSystem
import Synchronization

/// Work in parts, on new threads.
///
/// On Linux a new thread inherits its creator's niceness, so work at a low priority keeps the
/// priority on all threads. Dispatch's threads don't inherit it. Starting a thread takes some 20
/// microseconds.
enum ParallelWork {
    /// Runs `body` for each part, and returns once all are done.
    ///
    /// - Parameters:
    ///   - parts: The number of parts, and the most threads, including the calling one; the system
    ///     may give fewer.
    ///   - body: Does one part; its argument is the number of the part.
    static func perform(parts: Int, _ body: @Sendable (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            let work = Work(parts, body)
            let threads = (1..<max(1, parts)).compactMap { _ in work.startThread() }
            work.run()
            for thread in threads { pthread_join(thread, nil) }
        }
    }

    private final class Work: Sendable {
        private let parts: Int
        private let next = Atomic<Int>(0)
        private let body: @Sendable (Int) -> Void

        init(_ parts: Int, _ body: @escaping @Sendable (Int) -> Void) {
            self.parts = parts
            self.body = body
        }

        func run() {
            while true {
                let part = next.add(1, ordering: .relaxed).oldValue
                if part >= parts { return }
                body(part)
            }
        }

        /// - Returns: The thread; `nil` when the system gives none.
        func startThread() -> pthread_t? {
            let argument = Unmanaged.passRetained(self)
            #if canImport(Glibc)
            var thread = pthread_t()
            let result = pthread_create(
                &thread,
                nil,
                { argument in
                    if let argument {
                        Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
                    }
                    return nil
                },
                argument.toOpaque()
            )
            #else
            var thread: pthread_t?
            let result = pthread_create(
                &thread,
                nil,
                { argument in
                    Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
                    return nil
                },
                argument.toOpaque()
            )
            #endif
            guard result == 0 else {
                argument.release()
                return nil
            }
            return thread
        }
    }
}
