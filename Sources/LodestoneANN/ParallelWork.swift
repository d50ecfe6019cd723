// SPDX-License-Identifier: Apache-2.0
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Work in parts, on threads that are there for nothing else.
///
/// On Linux a new thread has the niceness of the one that starts it, so that work which yields to
/// searches does so on all its threads; threads of Dispatch have none. Starting one takes some 20
/// microseconds.
enum ParallelWork {
    /// Runs `body` for each part, and returns once all are done.
    ///
    /// - Parameters:
    ///   - parts: At most as many threads as these run, the calling one among them; fewer where the
    ///     system gives no more.
    ///   - body: Gets the number of its part.
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

        /// - Returns: `nil` when there is none to be had.
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
