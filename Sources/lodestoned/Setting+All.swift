// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import LodestoneServer
import Logging

extension Setting {
    /// Every setting, in the order of the reference.
    package static let all: [Setting] = general + connections + requests

    /// The setting with a name.
    static func named(_ name: String) -> Setting? { all.first { $0.name == name } }

    /// The settings of the server and its store.
    package static let general: [Setting] = [
        .text(
            "data",
            \.data,
            placeholder: "dir",
            "The directory of the store. It is created when it does not exist. Must be set."
        ),
        Setting(
            name: "listen",
            kind: .text(placeholder: "address"),
            meaning:
                "The address to listen at: HOST:PORT, [IPV6]:PORT or unix:PATH. Port 0 takes a "
                + "free one.",
            apply: { settings, value throws(LodestoneError) in
                if case .text(let text) = value { settings.listen = try Endpoint(text) }
            },
            show: { "\($0.listen)" }
        ),
        .text(
            "tokenFile",
            \.tokenFile,
            placeholder: "file",
            "The file with the tokens that clients need, with their rights. lodestone token writes "
                + "it; lines TOKEN or ROLE TOKEN are possible, too. Only its owner and group may read "
                + "the file. A change is in effect within a second or two. An address beyond "
                + "this machine needs it, or tlsClientCA."
        ),
        .text(
            "tlsCertificate",
            \.tlsCertificate,
            placeholder: "file",
            "The file with the certificate of the server, in PEM, and with those of the authorities "
                + "between it and the root. With it, the server speaks TLS 1.3 and 1.2 only. A changed "
                + "file is used within a second, for new connections."
        ),
        .text(
            "tlsKey",
            \.tlsKey,
            placeholder: "file",
            "The file with the key of the certificate, in PEM and not encrypted. Only its owner and "
                + "group may read the file."
        ),
        .text(
            "tlsClientCA",
            \.tlsClientCA,
            placeholder: "file",
            "The file with the authorities of clients' certificates, in PEM. With it, every client "
                + "must show a certificate that one of them has signed."
        ),
        .text(
            "auditLog",
            \.auditLog,
            placeholder: "file",
            "The file of the audit log, in JSON lines: calls with the names of their tokens. It is "
                + "created with mode 600; stderr and none are possible, too."
        ),
        Setting(
            name: "auditCalls",
            kind: .choice(AuditedCalls.allCases.map(\.rawValue)),
            meaning: "The calls in the audit log: denials, refused tokens and calls; admin, those "
                + "and the calls of the role admin; writes, those and all writes; all, every call "
                + "but cancel and an accepted hello.",
            apply: { settings, value in
                if case .text(let text) = value, let calls = AuditedCalls(rawValue: text) {
                    settings.auditCalls = calls
                }
            },
            show: { $0.auditCalls.rawValue }
        ),
        .toggle(
            "allowCleartext",
            \.server.allowsCleartext,
            "Listen beyond this machine without encryption."
        ),
        Setting(
            name: "http",
            kind: .text(placeholder: "address"),
            meaning:
                "The address of the pages for machines, as in 127.0.0.1:5634: /metrics, /livez and "
                + "/readyz, without a token. Without this setting there are none.",
            apply: { settings, value throws(LodestoneError) in
                guard case .text(let text) = value else { return }
                settings.http = try Endpoint(text, defaultPort: Endpoint.defaultPagesPort)
            },
            show: { $0.http.map { "\($0)" } ?? "" }
        ),
        Setting(
            name: "socketMode",
            kind: .text(placeholder: "octal"),
            meaning: "Permissions of the file of a Unix socket, in octal.",
            apply: { settings, value throws(LodestoneError) in
                guard case .text(let text) = value else { return }
                guard let mode = UInt32(text, radix: 8), mode <= 0o777 else {
                    throw .badSetting(
                        "'\(text)' can't be used for socketMode.",
                        "Give three octal digits, as in 660.",
                        "socketMode"
                    )
                }
                settings.server.socketMode = mode
            },
            show: { String($0.server.socketMode, radix: 8) }
        ),
        Setting(
            name: "durability",
            kind: .choice(["full", "relaxed"]),
            meaning: "The failure that an acknowledged write survives: full, a power cut; relaxed, "
                + "a crash of the process, while a power cut may lose the last batches.",
            apply: { settings, value in
                settings.durability = value == .text("relaxed") ? .relaxed : .full
            },
            show: { $0.durability == .full ? "full" : "relaxed" }
        ),
        .toggle(
            "readOnly",
            \.isReadOnly,
            "Only read the store, while other processes may write to it: writes, compactions, builds "
                + "and changes of snapshots are refused. The store must exist, in this release's "
                + "format; on a read-only file system the last process must have closed it."
        ),
        .number(
            "compactionMinimumChanges",
            \.compaction.minimumChanges,
            1...1_000_000_000,
            unit: "changes",
            "Changes to rows of a collection before its compaction into a new base, once no "
                + "write came for compactionIdleMs."
        ),
        .number(
            "compactionIdlePercentOfBase",
            \.compaction.idlePercentOfBase,
            0...10_000,
            unit: "percent",
            "Minimum of these changes, as a percentage of the base's documents."
        ),
        .number(
            "compactionBusyChanges",
            \.compaction.busyChanges,
            1...1_000_000_000,
            unit: "changes",
            "Changes before a compaction while writes keep coming."
        ),
        .number(
            "compactionPercentOfBase",
            \.compaction.percentOfBase,
            0...10_000,
            unit: "percent",
            "Minimum of the changes while writes keep coming, as a percentage of the base's "
                + "documents."
        ),
        .number(
            "compactionWriteFactor",
            \.compaction.writeFactor,
            1...1_000,
            unit: "bytes",
            "Most bytes of the current base per byte of the documents that changed: compactions in a "
                + "pause and while writes keep coming both wait until the changes reach this ratio. "
                + "A larger factor means shorter starts, less memory and more writing."
        ),
        .milliseconds(
            "compactionIdleMs",
            \.compaction.idleTime,
            1...86_400_000,
            "Time without a write after which compactionMinimumChanges suffice."
        ),
        .milliseconds(
            "compactionMaximumAgeMs",
            \.compaction.maximumAge,
            1...2_592_000_000,
            "The longest time that a change waits for a new base, and that a replaced or dropped "
                + "text stays in the log. Where the base is large for the changes, up to 24 times as "
                + "long."
        ),
        .number(
            "openCollections",
            \.openCollections.count,
            1...1_000_000,
            unit: "collections",
            "Collections whose contents are in memory at a time. With more, those that were not used "
                + "for longest are closed, until their next use opens them."
        ),
        .bytes(
            "openCollectionsBytes",
            \.openCollections.bytes,
            0...1 << 44,
            defaultNote: "a sixth of the memory that the process may use, at most 1073741824",
            "Memory for the changes of all open collections since their bases, without graphs that "
                + "vectors were linked into. Beyond half of it the collection with the most is "
                + "compacted, beyond three quarters of it large writes are refused with OVERLOADED until that is "
                + "done, at it all are, and collections that are not in use are closed. Writes have "
                + "at least 16777216."
        ),
        .bytes(
            "graphMemoryBytes",
            \.graphMemory,
            0...1 << 44,
            defaultNote: "a fifth of the memory that the process may use",
            "Memory for graphs of vectors while they are built or linked into; larger graphs "
                + "lie in files in the data directory, which is slower where memory is short."
        ),
        .bytes(
            "cacheMemoryBytes",
            \.cacheMemory,
            1 << 20...1 << 44,
            defaultNote: "an eighth of the memory that the process may use, at most 1073741824",
            "Memory for SQLite's caches: pages of the database that reads and writes need again."
        ),
        Setting(
            name: "logLevel",
            kind: .choice(Logger.Level.allCases.map(\.rawValue)),
            meaning: "The least important level that is logged, to standard error.",
            apply: { settings, value in
                if case .text(let text) = value, let level = Logger.Level(rawValue: text) {
                    settings.logLevel = level
                }
            },
            show: { $0.logLevel.rawValue }
        ),
        Setting(
            name: "logFormat",
            kind: .choice(["text", "json"]),
            meaning: "The form of the log: lines of text, or one JSON object per line.",
            apply: { settings, value in settings.logsJSON = value == .text("json") },
            show: { $0.logsJSON ? "json" : "text" }
        ),
        .milliseconds(
            "slowRequestMs",
            \.server.slowRequest,
            1...3_600_000,
            "Requests that take longer are logged, and kept for the command slow."
        ),
        .milliseconds(
            "recallSampleMs",
            \.recallSample,
            0...86_400_000,
            "The least time between two searches of a collection that are repeated exactly, in the "
                + "background and while no read waits, to measure the recall of its index. 0 "
                + "repeats none, and so does a server without http."
        ),
        .milliseconds(
            "drainTimeoutMs",
            \.server.drainTimeout,
            0...3_600_000,
            "The time for requests in flight once the server is told to stop."
        ),
        .number(
            "eventLoops",
            \.server.eventLoops,
            1...64,
            unit: "loops",
            defaultNote: "cores / 4, 1 to 16",
            "Event loops that connections are spread over."
        ),
        .number(
            "readWorkers",
            \.server.readWorkers,
            1...BlockingPool.maxWidth,
            unit: "threads",
            defaultNote: "2 x cores, at most 160",
            "Searches, walks and reads that run at once. With more, none of the process's threads "
                + "would be left for writes."
        ),
        .microseconds(
            "busyPollUs",
            \.server.busyPoll,
            0...100_000,
            "The time that an event loop whose requests follow each other closely polls for "
                + "the next one before it sleeps. 0 leaves the core to others at once; a "
                + "client that sends one query at a time then gets half as many results per "
                + "second."
        ),
    ]

    /// The settings for connections.
    package static let connections: [Setting] = [
        .number(
            "maxConnections",
            \.limits.maxConnections,
            1...65_536,
            unit: "connections",
            "Connections at once."
        ),
        .number(
            "maxUnauthenticated",
            \.limits.maxUnauthenticated,
            1...65_536,
            unit: "connections",
            "Connections at once that have not said hello; the oldest makes room for a new one."
        ),
        .milliseconds(
            "helloTimeoutMs",
            \.limits.helloTimeout,
            10...60_000,
            "Time that a new connection has to say hello."
        ),
        .bytes(
            "maxFrameBytes",
            \.limits.maxFrameBytes,
            1 << 10...64 << 20,
            "The longest message in either direction."
        ),
        .bytes(
            "maxFrameBytesBeforeHello",
            \.limits.maxFrameBytesBeforeHello,
            256...64 << 10,
            "The longest message before the client has said hello."
        ),
        .milliseconds(
            "frameTimeoutMs",
            \.limits.frameTimeout,
            10...600_000,
            "Time without a byte of a frame that has begun, and time that it has before its rate "
                + "counts."
        ),
        .number(
            "minFrameBytesPerSecond",
            \.limits.minFrameBytesPerSecond,
            1...1 << 30,
            unit: "bytes per second",
            "The rate that a frame must arrive at after that."
        ),
        .milliseconds(
            "idleTimeoutMs",
            \.limits.idleTimeout,
            10...86_400_000,
            "Time without a request in flight or an unread reply after which a connection is "
                + "closed."
        ),
        .number(
            "maxInFlight",
            \.limits.maxInFlight,
            1...4_096,
            unit: "requests",
            "Requests in flight on one connection."
        ),
        .bytes(
            "maxUnreadBytes",
            \.limits.maxUnreadBytes,
            1 << 10...1 << 30,
            "Replies that a client has not read. At a quarter of it the server stops reading from "
                + "the client, above it the connection is closed."
        ),
        .milliseconds(
            "unreadTimeoutMs",
            \.limits.unreadTimeout,
            10...600_000,
            "Time without any of those bytes being read after which a connection is closed."
        ),
    ]

    /// The settings for requests.
    package static let requests: [Setting] = [
        .milliseconds(
            "defaultDeadlineMs",
            \.limits.defaultDeadline,
            1...3_600_000,
            "The deadline of a request that names none."
        ),
        .milliseconds(
            "maxDeadlineMs",
            \.limits.maxDeadline,
            Limits.Ranges.maxDeadlineMilliseconds,
            "The longest deadline; that of maintenance is a day."
        ),
        .number(
            "maxQueuedReads",
            \.limits.maxQueuedReads,
            1...65_536,
            unit: "requests",
            "Searches, walks and reads that wait for a worker, over all connections."
        ),
        .milliseconds(
            "maxQueueWaitMs",
            \.server.maxQueueWait,
            1...60_000,
            "The longest wait that other connections may be expected to cause a read; beyond "
                + "that it is refused, unless its connection has none waiting."
        ),
        .bytes(
            "memoryBudgetBytes",
            \.server.memoryBudget,
            1 << 20...1 << 40,
            defaultNote: "a third of the memory that the process may use, at most 805306368",
            "Memory that connections and calls may take, in addition to collections: a third "
                + "for requests in flight, a third for replies while they are made (five "
                + "eighths of it for one), a sixth for frames on their way in, a sixth for "
                + "replies left unread."
        ),
        .number(
            "maxBatch",
            \.limits.maxBatch,
            Limits.Ranges.maxBatch,
            unit: "items",
            "Documents, ids or queries in one request."
        ),
        .number(
            "maxDimension",
            \.limits.maxDimension,
            Limits.Ranges.maxDimension,
            unit: "elements",
            "Elements of a vector."
        ),
        .number(
            "maxLimit",
            \.limits.maxLimit,
            Limits.Ranges.maxLimit,
            unit: "hits",
            "Hits of one query."
        ),
        .number(
            "maxCandidates",
            \.limits.maxCandidates,
            Limits.Ranges.maxCandidates,
            unit: "candidates",
            "Candidates of one source of a query."
        ),
        .number(
            "maxEF",
            \.limits.maxEF,
            Limits.Ranges.maxEF,
            unit: "candidates",
            "Beam width of a search or a build."
        ),
        .bytes(
            "maxDocumentBytes",
            \.limits.maxDocumentBytes,
            Limits.Ranges.maxDocumentBytes,
            "One document without its vector."
        ),
        .bytes(
            "maxQueryBytes",
            \.limits.maxQueryBytes,
            Limits.Ranges.maxQueryBytes,
            "A text query."
        ),
        .number(
            "maxQueryTerms",
            \.limits.maxQueryTerms,
            Limits.Ranges.maxQueryTerms,
            unit: "terms",
            "Terms of a text query."
        ),
        .number(
            "maxFilteredDrop",
            \.limits.maxFilteredDrop,
            Limits.Ranges.maxFilteredDrop,
            unit: "documents",
            "Documents that one drop by a filter may drop."
        ),
        .number(
            "maxDepth",
            \.limits.maxDepth,
            Limits.Ranges.maxDepth,
            unit: "hops",
            "Hops of a walk."
        ),
        .number(
            "maxWalkNodes",
            \.limits.maxWalkNodes,
            Limits.Ranges.maxWalkNodes,
            unit: "documents",
            "Documents that a walk may report."
        ),
        .number(
            "maxWalkEdges",
            \.limits.maxWalkEdges,
            Limits.Ranges.maxWalkEdges,
            unit: "edges",
            "Edges that a walk may read."
        ),
    ]
}
