// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The pieces of long lists: ordered runs of edges, with a directory per list.
extension AdjacencyLists {
    mutating func insertIntoPiece(_ edge: Adjacency, at position: Position, of vertex: VertexID) {
        let list = lists[Int(vertex)]
        let directory = Int(list.address)
        var position = position
        lists[Int(vertex)].count += 1
        let count = Int(directories[directory][position.piece].count)
        if count == Self.maxPieceSize {
            // Edges that are added in order fill one piece after the other.
            if position.index == count, position.piece == directories[directory].count - 1 {
                return directories[directory].append(takePage([edge]))
            }
            split(position.piece, of: directory)
            let half = Int(directories[directory][position.piece].count)
            if position.index > half {
                position = Position(piece: position.piece + 1, index: position.index - half)
            }
        }
        let piece = writablePiece(position.piece, of: list)
        pages[piece.page].insert(edge, at: position.index)
        movedCount += Int(piece.count) - position.index
        directories[directory][position.piece].count += 1
    }

    mutating func removeFromPiece(at position: Position, of vertex: VertexID) {
        let list = lists[Int(vertex)]
        let directory = Int(list.address)
        let piece = writablePiece(position.piece, of: list)
        pages[piece.page].remove(at: position.index)
        movedCount += Int(piece.count) - position.index
        directories[directory][position.piece].count -= 1
        if list.count - 1 == Self.maxBlockSize {
            let edges = edges(of: vertex)
            movedCount += edges.count
            return set(edges, of: vertex)
        }
        lists[Int(vertex)].count -= 1
        if piece.count == 1 {
            free(piece)
            directories[directory].remove(at: position.piece)
        } else if piece.count <= Self.minPieceSize {
            join(position.piece, of: list)
        }
    }

    /// A piece in a page; copies a piece of the base into a page first.
    mutating func writablePiece(_ index: Int, of list: List) -> List {
        let directory = Int(list.address)
        let piece = directories[directory][index]
        guard piece.isInBase else { return piece }
        let copy = takePage(ContiguousArray((0..<Int(piece.count)).map { edge($0, of: piece) }))
        movedCount += Int(piece.count)
        directories[directory][index] = copy
        return copy
    }

    /// Splits a piece in two.
    private mutating func split(_ index: Int, of directory: Int) {
        let piece = directories[directory][index]
        let half = piece.count / 2
        let upper: List
        if piece.isInBase {
            upper = List(
                address: piece.address + half,
                count: piece.count - half,
                isInBase: true
            )
        } else {
            upper = takePage(ContiguousArray(pages[piece.page][Int(half)...]))
            pages[piece.page].removeLast(Int(piece.count - half))
            movedCount += Int(upper.count)
        }
        directories[directory][index].count = half
        directories[directory].insert(upper, at: index + 1)
    }

    /// Joins a small piece with a neighboring one, if both are small enough.
    private mutating func join(_ index: Int, of list: List) {
        let directory = Int(list.address)
        let pieces = directories[directory]
        let left = [index, index - 1].first { left in
            left >= 0 && left + 1 < pieces.count
                && Int(pieces[left].count + pieces[left + 1].count) <= Self.maxJoinedSize
        }
        guard let left else { return }
        let right = writablePiece(left + 1, of: list)
        let joined = writablePiece(left, of: list)
        let edges = pages[right.page]
        pages[joined.page].append(contentsOf: edges)
        movedCount += edges.count
        directories[directory][left].count += right.count
        directories[directory].remove(at: left + 1)
        free(right)
    }

    mutating func freePieces(of vertex: VertexID) {
        let directory = lists[Int(vertex)].address
        for piece in directories[Int(directory)] where !piece.isInBase { free(piece) }
        directories[Int(directory)] = []
        freeDirectories.append(directory)
        lists[Int(vertex)] = List()
    }

    mutating func free(_ piece: List) {
        pages[piece.page] = []
        freePages.append(UInt32(piece.page))
    }

    /// Creates a directory for `pieces`, which have `count` edges, and returns its list.
    mutating func takeDirectory(_ pieces: ContiguousArray<List>, count: Int) -> List {
        guard let directory = freeDirectories.popLast() else {
            directories.append(pieces)
            return List(address: UInt32(directories.count - 1), count: UInt32(count))
        }
        directories[Int(directory)] = pieces
        return List(address: directory, count: UInt32(count))
    }

    /// Creates a page for the edges, and returns the piece.
    mutating func takePage(_ edges: ContiguousArray<Adjacency>) -> List {
        let count = UInt32(edges.count)
        guard let page = freePages.popLast() else {
            pages.append(edges)
            return List(address: UInt32(pages.count - 1) * Self.pageSize, count: count)
        }
        pages[Int(page)] = edges
        return List(address: page * Self.pageSize, count: count)
    }
}
