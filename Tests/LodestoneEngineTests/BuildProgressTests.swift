// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Testing

@testable import LodestoneEngine

@Suite("The progress of a build")
struct BuildProgressTests {
    private let progress = BuildProgress()

    @Test("goes from nothing to all of it, and starts anew with the next build")
    func counts() {
        #expect(!progress.isRunning && progress.fraction == 0)
        progress.begin(for: CallContext())
        #expect(progress.isRunning && progress.fraction == 0)
        progress.report(total: 8, done: 4)
        #expect(progress.total == 8 && progress.done == 4 && progress.fraction == 0.5)
        // A build that has indexed more vectors than it announced is not more than complete.
        progress.report(total: 8, done: 13)
        #expect(progress.fraction == 1)
        progress.finish(.hnswBatch)
        #expect(!progress.isRunning && !progress.isCancelled)
        #expect(progress.finished.count == 1 && progress.finished.strategy == .hnswBatch)
        progress.begin(for: CallContext())
        #expect(progress.fraction == 0)
    }

    @Test("tells who builds that the call is over, or that the index is of no use any more")
    func ends() {
        let context = CallContext()
        progress.stop(.strategyChanged)
        progress.begin(for: context)
        #expect(!progress.isCancelled)
        #expect(throws: Never.self) { try progress.check() }
        progress.stop(.strategyChanged)
        #expect(progress.isCancelled)
        #expect(throws: LodestoneError.strategyChanged) { try progress.check() }
        progress.fail(.strategyChanged)
        #expect(progress.lastError == nil)

        progress.begin(for: context)
        #expect(!progress.isCancelled)
        context.cancel()
        #expect(progress.isCancelled)
        let error = #expect(throws: LodestoneError.self) { try progress.check() }
        #expect(error?.code == .cancelled)
        progress.begin(for: CallContext(timeout: .zero))
        #expect(progress.isCancelled)
    }

    @Test("keeps why a build failed until the next begins, but not that nobody wanted it")
    func failures() throws {
        progress.begin(for: CallContext())
        progress.fail(.broken("no more room"))
        #expect(progress.lastError?.message == "no more room")
        progress.begin(for: CallContext())
        #expect(progress.lastError == nil)
        let context = CallContext()
        context.cancel()
        do { try context.check() } catch { progress.fail(error) }
        #expect(progress.lastError == nil && progress.finished.count == 0)
    }
}
