// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

// Each property is a setting of the same name. The parser derives its flag by the rule of
// `Setting.flag`, and the table has the help. All are text, so that the same rules check a flag, a
// variable and a key of the file.

/// The flags of `Setting.general`.
package struct GeneralFlags: ParsableArguments {
    @Option(help: help("data")) var data: String?
    @Option(help: help("listen")) var listen: String?
    @Option(help: help("tokenFile")) var tokenFile: String?
    @Option(help: help("tlsCertificate")) var tlsCertificate: String?
    @Option(help: help("tlsKey")) var tlsKey: String?
    @Option(help: help("tlsClientCA")) var tlsClientCA: String?
    @Option(help: help("auditLog")) var auditLog: String?
    @Option(help: help("auditCalls")) var auditCalls: String?
    @Flag(inversion: .prefixedNo, help: help("allowCleartext")) var allowCleartext: Bool?
    @Option(help: help("http")) var http: String?
    @Option(help: help("socketMode")) var socketMode: String?
    @Option(help: help("durability")) var durability: String?
    @Flag(inversion: .prefixedNo, help: help("readOnly")) var readOnly: Bool?
    @Option(help: help("compactionMinimumChanges")) var compactionMinimumChanges: String?
    @Option(help: help("compactionIdlePercentOfBase")) var compactionIdlePercentOfBase: String?
    @Option(help: help("compactionBusyChanges")) var compactionBusyChanges: String?
    @Option(help: help("compactionPercentOfBase")) var compactionPercentOfBase: String?
    @Option(help: help("compactionWriteFactor")) var compactionWriteFactor: String?
    @Option(help: help("compactionIdleMs")) var compactionIdleMs: String?
    @Option(help: help("compactionMaximumAgeMs")) var compactionMaximumAgeMs: String?
    @Option(help: help("openCollections")) var openCollections: String?
    @Option(help: help("openCollectionsBytes")) var openCollectionsBytes: String?
    @Option(help: help("graphMemoryBytes")) var graphMemoryBytes: String?
    @Option(help: help("cacheMemoryBytes")) var cacheMemoryBytes: String?
    @Option(help: help("logLevel")) var logLevel: String?
    @Option(help: help("logFormat")) var logFormat: String?
    @Option(help: help("slowRequestMs")) var slowRequestMs: String?
    @Option(help: help("recallSampleMs")) var recallSampleMs: String?
    @Option(help: help("drainTimeoutMs")) var drainTimeoutMs: String?
    @Option(help: help("eventLoops")) var eventLoops: String?
    @Option(help: help("readWorkers")) var readWorkers: String?
    @Option(help: help("busyPollUs")) var busyPollUs: String?

    package init() {}

    var values: [String: String?] {
        [
            "data": data, "listen": listen, "tokenFile": tokenFile, "http": http,
            "tlsCertificate": tlsCertificate, "tlsKey": tlsKey, "tlsClientCA": tlsClientCA,
            "auditLog": auditLog, "auditCalls": auditCalls,
            "allowCleartext": allowCleartext.map { "\($0)" }, "socketMode": socketMode,
            "durability": durability, "readOnly": readOnly.map { "\($0)" },
            "compactionMinimumChanges": compactionMinimumChanges,
            "compactionIdlePercentOfBase": compactionIdlePercentOfBase,
            "compactionBusyChanges": compactionBusyChanges,
            "compactionPercentOfBase": compactionPercentOfBase,
            "compactionWriteFactor": compactionWriteFactor,
            "compactionIdleMs": compactionIdleMs,
            "compactionMaximumAgeMs": compactionMaximumAgeMs,
            "openCollections": openCollections, "openCollectionsBytes": openCollectionsBytes,
            "graphMemoryBytes": graphMemoryBytes, "cacheMemoryBytes": cacheMemoryBytes,
            "logLevel": logLevel, "logFormat": logFormat, "slowRequestMs": slowRequestMs,
            "recallSampleMs": recallSampleMs, "drainTimeoutMs": drainTimeoutMs,
            "eventLoops": eventLoops,
            "readWorkers": readWorkers, "busyPollUs": busyPollUs,
        ]
    }
}

/// The flags of `Setting.connections`.
package struct ConnectionFlags: ParsableArguments {
    @Option(help: help("maxConnections")) var maxConnections: String?
    @Option(help: help("maxUnauthenticated")) var maxUnauthenticated: String?
    @Option(help: help("helloTimeoutMs")) var helloTimeoutMs: String?
    @Option(help: help("maxFrameBytes")) var maxFrameBytes: String?
    @Option(help: help("maxFrameBytesBeforeHello")) var maxFrameBytesBeforeHello: String?
    @Option(help: help("frameTimeoutMs")) var frameTimeoutMs: String?
    @Option(help: help("minFrameBytesPerSecond")) var minFrameBytesPerSecond: String?
    @Option(help: help("idleTimeoutMs")) var idleTimeoutMs: String?
    @Option(help: help("maxInFlight")) var maxInFlight: String?
    @Option(help: help("maxUnreadBytes")) var maxUnreadBytes: String?
    @Option(help: help("unreadTimeoutMs")) var unreadTimeoutMs: String?

    package init() {}

    var values: [String: String?] {
        [
            "maxConnections": maxConnections, "maxUnauthenticated": maxUnauthenticated,
            "helloTimeoutMs": helloTimeoutMs, "maxFrameBytes": maxFrameBytes,
            "maxFrameBytesBeforeHello": maxFrameBytesBeforeHello,
            "frameTimeoutMs": frameTimeoutMs, "minFrameBytesPerSecond": minFrameBytesPerSecond,
            "idleTimeoutMs": idleTimeoutMs, "maxInFlight": maxInFlight,
            "maxUnreadBytes": maxUnreadBytes, "unreadTimeoutMs": unreadTimeoutMs,
        ]
    }
}

/// The flags of `Setting.requests`.
package struct RequestFlags: ParsableArguments {
    @Option(help: help("defaultDeadlineMs")) var defaultDeadlineMs: String?
    @Option(help: help("maxDeadlineMs")) var maxDeadlineMs: String?
    @Option(help: help("maxQueuedReads")) var maxQueuedReads: String?
    @Option(help: help("maxQueueWaitMs")) var maxQueueWaitMs: String?
    @Option(help: help("memoryBudgetBytes")) var memoryBudgetBytes: String?
    @Option(help: help("maxBatch")) var maxBatch: String?
    @Option(help: help("maxDimension")) var maxDimension: String?
    @Option(help: help("maxLimit")) var maxLimit: String?
    @Option(help: help("maxCandidates")) var maxCandidates: String?
    @Option(help: help("maxEF")) var maxEF: String?
    @Option(help: help("maxDocumentBytes")) var maxDocumentBytes: String?
    @Option(help: help("maxQueryBytes")) var maxQueryBytes: String?
    @Option(help: help("maxQueryTerms")) var maxQueryTerms: String?
    @Option(help: help("maxFilteredDrop")) var maxFilteredDrop: String?
    @Option(help: help("maxDepth")) var maxDepth: String?
    @Option(help: help("maxWalkNodes")) var maxWalkNodes: String?
    @Option(help: help("maxWalkEdges")) var maxWalkEdges: String?

    package init() {}

    var values: [String: String?] {
        [
            "defaultDeadlineMs": defaultDeadlineMs, "maxDeadlineMs": maxDeadlineMs,
            "maxQueuedReads": maxQueuedReads, "maxQueueWaitMs": maxQueueWaitMs,
            "memoryBudgetBytes": memoryBudgetBytes,
            "maxBatch": maxBatch,
            "maxDimension": maxDimension, "maxLimit": maxLimit, "maxCandidates": maxCandidates,
            "maxEF": maxEF, "maxDocumentBytes": maxDocumentBytes,
            "maxQueryBytes": maxQueryBytes, "maxQueryTerms": maxQueryTerms,
            "maxFilteredDrop": maxFilteredDrop, "maxDepth": maxDepth, "maxWalkNodes": maxWalkNodes,
            "maxWalkEdges": maxWalkEdges,
        ]
    }
}

/// The help of a setting.
private func help(_ name: String) -> ArgumentHelp {
    guard let setting = Setting.named(name) else { return ArgumentHelp(name) }
    let placeholder =
        switch setting.kind {
        case .text(let placeholder): placeholder
        case .choice(let words): words.joined(separator: "|")
        case .toggle: ""
        case .number(_, let unit): unit.split(separator: " ").joined(separator: "-")
        }
    let standard = setting.defaultText.isEmpty ? "" : " (default: \(setting.defaultText))"
    return ArgumentHelp("\(setting.meaning)\(standard)", valueName: placeholder)
}
