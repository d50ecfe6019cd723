// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The detection of a file's format by its first bytes, so that a binary file is not read as lines.
enum FileFormat {
    /// The number of first bytes that are checked.
    static let byteCount = 16

    /// Whether the first bytes are those of a file compressed with Zstandard.
    static func isZstandard(_ start: [UInt8]) -> Bool {
        start.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
    }

    /// Refuses a file of an unsupported format; the error says how to convert it.
    static func check(_ start: [UInt8], _ path: String) throws(LodestoneError) {
        guard let (form, command) = refusal(of: start) else { return }
        throw .badFile(
            path,
            "is \(form), which import doesn't read",
            recovery: "Make lines of it, for example by: \(command)"
        )
    }

    private static func refusal(of start: [UInt8]) -> (String, command: String)? {
        let known: [(bytes: [UInt8], name: String, command: String)] = [
            ([0x1F, 0x8B], "compressed with gzip", "gunzip FILE"),
            ([0x42, 0x5A, 0x68], "compressed with bzip2", "bunzip2 FILE"),
            ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "compressed with xz", "unxz FILE"),
            ([0x04, 0x22, 0x4D, 0x18], "compressed with LZ4", "unlz4 FILE"),
            ([0x50, 0x4B, 0x03, 0x04], "a ZIP archive", "unzip FILE"),
            (
                [0x50, 0x41, 0x52, 0x31], "a Parquet file",
                "python3 -c \"import pandas; pandas.read_parquet('FILE').to_json('docs.jsonl', "
                    + "orient='records', lines=True)\""
            ),
            ([0x53, 0x51, 0x4C, 0x69, 0x74, 0x65], "an SQLite database", "sqlite3 -json"),
            ([0xFF, 0xFE], "in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE > docs.jsonl"),
            ([0xFE, 0xFF], "in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE > docs.jsonl"),
        ]
        if let found = known.first(where: { start.starts(with: $0.bytes) }) {
            return (found.name, found.command)
        }
        // Text in UTF-16 without a byte order mark: every other byte of ASCII is zero.
        guard start.count >= 4 else { return nil }
        if start[0] != 0, start[1] == 0, start[2] != 0, start[3] == 0 {
            return ("in UTF-16", "iconv -f UTF-16LE -t UTF-8 FILE > docs.jsonl")
        }
        if start[0] == 0, start[1] != 0, start[2] == 0, start[3] != 0 {
            return ("in UTF-16", "iconv -f UTF-16BE -t UTF-8 FILE > docs.jsonl")
        }
        return nil
    }

    /// Refuses a first line that is no JSON object.
    ///
    /// It recognizes an array, an object over several lines, and a table.
    static func checkFirstLine(_ line: UnsafeRawBufferPointer, _ path: String)
        throws(LodestoneError)
    {
        let text = line.drop { $0 == 0x20 || $0 == 0x09 }
        guard let first = text.first else { return }
        if first == UInt8(ascii: "[") {
            throw .badFile(
                path,
                "holds a JSON array, not one object per line",
                recovery: "Make lines of it, for example by: jq -c '.[]' FILE > docs.jsonl"
            )
        }
        if first == UInt8(ascii: "{") {
            let remaining = text.dropFirst().drop { $0 == 0x20 || $0 == 0x09 }
            guard remaining.isEmpty else { return }
            throw .badFile(
                path,
                "has objects that go over several lines, not one object per line",
                recovery: "Make lines of them, for example by: jq -c . FILE > docs.jsonl"
            )
        }
        guard text.contains(where: { [0x2C, 0x3B, 0x09].contains($0) }) else { return }
        throw .badFile(
            path,
            "begins with no JSON object; its form is that of a table with separators (CSV, TSV)",
            recovery: "Make lines of it, for example by: python3 -c \"import pandas; "
                + "pandas.read_csv('FILE').to_json('docs.jsonl', orient='records', lines=True)\""
        )
    }
}
