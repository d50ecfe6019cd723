// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The vertices that a walk has visited: one bit per vertex, in pages of one cache line.
///
/// A page is created at its first use, so that a short walk over a large graph clears little
/// memory. Measured (a whole walk): a hash table took twice as long.
struct VertexSet {
    private static let pageBits = 512
    private static let wordsPerPage = pageBits / UInt64.bitWidth

    /// The position of each page in `words`; 0 for a page without vertices.
    private var pages: ContiguousArray<UInt32> = []
    /// An unused page, then the pages in use.
    private var words = ContiguousArray<UInt64>(repeating: 0, count: wordsPerPage)

    /// Creates an empty set for vertices below `vertexCount`; larger vertices take longer.
    init(vertexCount: Int) {
        pages = ContiguousArray(repeating: 0, count: vertexCount / Self.pageBits + 1)
    }

    /// Adds `vertex`; returns `false` when the set has it already.
    @inline(__always)
    mutating func insert(_ vertex: VertexID) -> Bool {
        let page = Int(vertex) / Self.pageBits
        if page >= pages.count || pages[page] == 0 { addPage(page) }
        let word = Int(pages[page]) + Int(vertex) % Self.pageBits / UInt64.bitWidth
        let bit: UInt64 = 1 << UInt64(vertex.rawValue % UInt32(UInt64.bitWidth))
        if words[word] & bit != 0 { return false }
        words[word] |= bit
        return true
    }

    @inline(never)
    private mutating func addPage(_ page: Int) {
        if page >= pages.count {
            pages.append(contentsOf: repeatElement(0, count: page + 1 - pages.count))
        }
        pages[page] = UInt32(words.count)
        words.append(contentsOf: repeatElement(0, count: Self.wordsPerPage))
    }
}
