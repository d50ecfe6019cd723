// SPDX-License-Identifier: Apache-2.0
import Logging
import Synchronization

/// The least important level that is logged, which a running server may change.
///
/// Threading: any thread.
final class SharedLogLevel: Sendable {
    private let index: Atomic<Int>

    init(_ level: Logger.Level) { index = Atomic(Self.index(of: level)) }

    var current: Logger.Level {
        get { Logger.Level.allCases[index.load(ordering: .relaxed)] }
        set { index.store(Self.index(of: newValue), ordering: .relaxed) }
    }

    private static func index(of level: Logger.Level) -> Int {
        Logger.Level.allCases.firstIndex(of: level) ?? 0
    }
}

/// A log handler whose level is that of the server, unless a logger has its own.
struct LeveledLogHandler: LogHandler {
    private var base: any LogHandler
    private let shared: SharedLogLevel
    private var own: Logger.Level?

    init(_ base: any LogHandler, _ shared: SharedLogLevel) {
        self.base = base
        self.shared = shared
    }

    var logLevel: Logger.Level {
        get { own ?? shared.current }
        set { own = newValue }
    }

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { base.metadataProvider }
        set { base.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) { base.log(event: event) }
}
