// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Testing

@testable import LodestoneEngine

@Suite("Build progress")
struct BuildProgressTests {
    private let progress = BuildProgress()

    @Test("Build progress goes from zero to complete and starts from zero with the next build")
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

    @Test("Build progress ends a build whose call is over or whose strategy changed")
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

    @Test("Build progress keeps the error of a failed build until the next, but no cancellation")
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
