// SPDX-License-Identifier: Apache-2.0
import CLodestoneProto
import LodestoneCore

extension ReachedDocuments {
    /// The documents of a message in columns.
    ///
    /// - Throws: `MALFORMED` for columns that contradict each other; the errors of ids and texts.
    init(_ message: Lodestone__V1__ReachedColumns) throws(LodestoneError) {
        self.init()
        starts = try documentIDs("starts", message.starts, message.n_starts)
        labels = try texts("labels", message.labels, message.n_labels)
        try readIDs(message)
        try readDepths(UnsafeBufferPointer(start: message.counts, count: message.n_counts))
        try readParents(UnsafeBufferPointer(start: message.parents, count: message.n_parents))
        try readEdges(message)
    }

    private mutating func readIDs(_ message: Lodestone__V1__ReachedColumns) throws(LodestoneError) {
        let bytes = message.ids.buffer
        let lengths = UnsafeBufferPointer(start: message.id_lengths, count: message.n_id_lengths)
        // If the concatenation is UTF-8 and each id begins a character, each id is UTF-8.
        _ = try message.ids.text("ids")
        idEnds.reserveCapacity(lengths.count)
        var end = 0
        for length in lengths {
            let start = end
            end += Int(length)
            guard end <= bytes.count else { throw .malformed("ids ends inside of an id.") }
            try DocumentID.check(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), "ids")
            guard bytes[start] & 0xc0 != 0x80 else {
                throw .malformed("An id begins inside of a character.")
            }
            idEnds.append(end)
        }
        guard end == bytes.count else { throw .malformed("ids goes on after the last id.") }
        idBytes = ContiguousArray(bytes)
    }

    private mutating func readDepths(_ counts: UnsafeBufferPointer<UInt32>) throws(LodestoneError) {
        depths.reserveCapacity(count)
        for (index, documents) in counts.enumerated() {
            guard Int(documents) <= count - depths.count else { throw Self.uneven("counts") }
            depths.append(contentsOf: repeatElement(UInt32(index + 1), count: Int(documents)))
        }
        guard depths.count == count else { throw Self.uneven("counts") }
    }

    private mutating func readParents(_ differences: UnsafeBufferPointer<Int32>)
        throws(LodestoneError)
    {
        guard differences.count == count else { throw Self.uneven("parents") }
        parents.reserveCapacity(count)
        var parent = 0
        for difference in differences {
            parent += Int(difference)
            guard (0..<starts.count + count).contains(parent),
                let narrow = UInt32(exactly: parent)
            else {
                throw .malformed("parents has \(parent), which is the position of no document.")
            }
            parents.append(narrow)
        }
    }

    private mutating func readEdges(_ message: Lodestone__V1__ReachedColumns)
        throws(LodestoneError)
    {
        let positions = UnsafeBufferPointer(
            start: message.label_positions,
            count: message.n_label_positions
        )
        if positions.isEmpty {
            labelPositions = ContiguousArray(repeating: 0, count: count)
        } else {
            labelPositions = ContiguousArray(positions)
        }
        guard labelPositions.count == count else { throw Self.uneven("label_positions") }
        guard labelPositions.allSatisfy({ $0 < labels.count }) else {
            throw .malformed("label_positions has the position of no label.")
        }
        weights = ContiguousArray(
            UnsafeBufferPointer(start: message.weights, count: message.n_weights)
        )
        guard weights.isEmpty || weights.count == count else { throw Self.uneven("weights") }
        if message.has_incoming != 0 {
            let bits = message.incoming.buffer
            guard bits.count == (count + 7) / 8 else { throw Self.uneven("incoming") }
            areIncoming.reserveCapacity(count)
            for position in 0..<count {
                areIncoming.append(bits[position / 8] >> UInt8(position % 8) & 1 == 1)
            }
        }
    }

    private static func uneven(_ column: String) -> LodestoneError {
        .malformed("\(column) has another number of documents than id_lengths.")
    }
}
