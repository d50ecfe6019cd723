// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A reader of a paged list, one element at a time.
///
/// It fetches a page when all elements of the previous page are read.
struct PageReader<Element: Sendable, Cursor: Sendable> {
    /// The elements of a page, and the start of the next one; `nil` after the last.
    typealias Page = (elements: [Element], next: Cursor?)

    private let fetch: @Sendable (Cursor?) async throws(LodestoneError) -> Page
    private var page: ArraySlice<Element> = []
    private var cursor: Cursor?
    private var isLast = false

    /// Begins with the first page.
    ///
    /// - Parameter fetch: Fetches the page at a cursor; the first page for `nil`.
    init(_ fetch: @escaping @Sendable (Cursor?) async throws(LodestoneError) -> Page) {
        self.fetch = fetch
    }

    /// The next element; `nil` after the last.
    ///
    /// - Throws: The error of `fetch`; the same call may then be repeated.
    mutating func next(isolation actor: isolated (any Actor)?) async throws(LodestoneError)
        -> Element?
    {
        while page.isEmpty && !isLast {
            let next = try await fetch(cursor)
            page = next.elements[...]
            cursor = next.next
            isLast = cursor == nil
        }
        return page.popFirst()
    }
}
