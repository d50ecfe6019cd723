// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The files of one state of a store.
package struct StateCopy {
    /// The sequence number of the last batch in the state.
    package let sequenceNumber: UInt64
    /// The log's chain after that batch.
    package let chain: UInt32
    /// The database first, then segments in the order of collection and index, then bases.
    package let files: [StateFile]
}

/// A file of one state; later bytes of the file do not belong to the state.
package struct StateFile {
    package let name: String
    package let byteCount: UInt64
    private let file: RegularFile

    init(_ name: String, _ file: RegularFile, _ byteCount: UInt64) {
        self.name = name
        self.file = file
        self.byteCount = byteCount
    }

    /// Calls `body` with the content of the file, piece by piece.
    ///
    /// All pieces but the last one have as many bytes.
    package func forEachPiece(
        context: CallContext?,
        _ body: (UnsafeRawBufferPointer) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        try file.forEachPiece(upTo: byteCount, context: context) {
            VectorSegment.damaged(file.path, "the log names bytes beyond its end")
        } _: { (piece) throws(LodestoneError) in
            try body(piece)
        }
    }
}
