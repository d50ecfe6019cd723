// SPDX-License-Identifier: Apache-2.0
// The pages for machines that watch a server: its metrics, and whether it lives and is ready.
package import LodestoneHTTP
package import LodestoneMetrics
import Synchronization

/// The pages `/metrics`, `/livez` and `/readyz`.
///
/// They answer from the start of the program on, before the store is open.
///
/// Threading: any thread.
package final class OperationsPages: Sendable {
    private enum State {
        /// The store is being opened.
        case starting
        case serving(RequestHandler)
        case draining(RequestHandler)

        var handler: RequestHandler? {
            switch self {
            case .starting: nil
            case .serving(let handler), .draining(let handler): handler
            }
        }
    }

    private static let paths = ["/metrics", "/livez", "/readyz"]

    private let state = Mutex(State.starting)
    private let lag = LagCheck()
    private let registry: MetricRegistry
    private let dataDirectory: String
    private let listener = Mutex<HTTPListener?>(nil)
    /// One run at a time reads the figures, for both formats.
    private let figures: SharedWork<[MetricFamily]>
    private let readiness: SharedWork<Readiness>

    /// Creates the pages of a server that is about to start.
    ///
    /// - Parameters:
    ///   - registry: The series of the process.
    ///   - dataDirectory: The directory of the store.
    package init(_ registry: MetricRegistry, dataDirectory: String) {
        self.registry = registry
        self.dataDirectory = dataDirectory
        // The two closures need the object that they belong to.
        let pages = WeakReference<OperationsPages>()
        figures = SharedWork(label: "lodestone.metrics") { pages.object?.families ?? [] }
        readiness = SharedWork(label: "lodestone.readiness") {
            pages.object?.checked ?? Readiness(checks: [])
        }
        pages.object = self
    }

    /// Shows the numbers of the listener that serves these pages, too.
    package func count(_ listener: HTTPListener) {
        self.listener.withLock { $0 = listener }
    }

    /// The server accepts calls from now on.
    func serve(_ handler: RequestHandler) {
        state.withLock { $0 = .serving(handler) }
    }

    /// The server accepts no more connections.
    func drain() {
        state.withLock { state in
            if let handler = state.handler { state = .draining(handler) }
        }
    }

    /// Makes the response to a request.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - done: Gets the response, once, on any thread.
    package func respond(
        to request: HTTPRequest,
        _ done: @escaping @Sendable (HTTPResponse) -> Void
    ) {
        guard Self.paths.contains(request.path) else {
            let known = Self.paths.joined(separator: ", ")
            return done(HTTPResponse(.notFound, "There is no such page; there are \(known)."))
        }
        guard request.method == "GET" || request.method == "HEAD" else {
            let allow = [(name: "Allow", value: "GET, HEAD")]
            return done(HTTPResponse(.notAllowed, "Use GET or HEAD.", fields: allow))
        }
        let accepted = AcceptedTypes(request.accept)
        switch request.path {
        case "/livez": done(HTTPResponse(.ok, "ok"))
        case "/readyz":
            let json = accepted.weight(of: "application/json")
            let asJSON = json > 0 && json >= accepted.weight(of: "text/plain")
            readiness.run { done($0.response(asJSON: asJSON)) }
        default:
            let open = accepted.weight(of: "application/openmetrics-text")
            let format: MetricsText =
                open > 0 && open >= accepted.weight(of: "text/plain") ? .openMetrics : .prometheus
            figures.run { families in
                let body = format.text(of: families)
                done(HTTPResponse(.ok, contentType: format.contentType, body: body))
            }
        }
    }

    // MARK: The contents

    private var checked: Readiness {
        let state = state.withLock { $0 }
        var checks: [Readiness.Check] = []
        guard let handler = state.handler else {
            return Readiness(
                checks: [Readiness.Check(name: "open", failure: "The store is being opened.")]
            )
        }
        func check(_ name: String, _ failure: String?) {
            checks.append(Readiness.Check(name: name, failure: failure))
        }
        check("open", nil)
        check("caught_up", lag.failure(of: handler.engine))
        let failed = handler.engine.failedWrite
        check(
            "writable",
            failed.map { _ in "The store is read-only since a write failed; see the log." }
        )
        if case .draining = state {
            check("accepting", "The server is shutting down.")
        } else {
            check("accepting", nil)
        }
        return Readiness(checks: checks)
    }

    private var families: [MetricFamily] {
        let handler = state.withLock { $0.handler }
        var families = registry.families + ProcessFigures.families
        families += ServerFigures.process(dataDirectory: dataDirectory, isReady: checked.isReady)
        if let listener = listener.withLock({ $0 }) {
            families += ServerFigures.http(listener.counts)
        }
        if let handler {
            let figures = handler.engine.figures
            handler.metrics.collections.prune(exists: { handler.engine.knowsCollection($0) })
            families += ServerFigures.server(handler) + ServerFigures.engine(figures)
        }
        return families.sorted { $0.name < $1.name }
    }
}

/// A reference that is set after its owner is made.
///
/// Threading: a lock guards it.
private final class WeakReference<Object: AnyObject & Sendable>: Sendable {
    private struct Box: Sendable {
        weak var object: Object?
    }

    private let box = Mutex(Box())

    var object: Object? {
        get { box.withLock { $0.object } }
        set { box.withLock { $0.object = newValue } }
    }
}
