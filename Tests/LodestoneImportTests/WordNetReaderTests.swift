// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneImport
import Testing

@Suite("WordNet reader")
struct WordNetReaderTests {
    private static let isInstalled = FileManager.default.fileExists(
        atPath: WordNetReader.debianDirectory + "/data.noun"
    )

    @Test(
        "WordNet of Debian's wordnet-base has 117,659 documents and 377,592 edges",
        .enabled(if: isInstalled, "install wordnet-base to run this test")
    )
    func counts() async throws {
        // Seconds in a debug build: not on a thread that other tests wait for.
        let batch = try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "blocking").async {
                continuation.resume(with: Result { try drain(WordNetReader()) })
            }
        }
        #expect(batch.badLines.isEmpty)
        #expect(batch.documents.count == 117_659)
        #expect(batch.documents.reduce(0) { $0 + $1.edges.count } == 377_592)
        let entity = try #require(batch.documents.first)
        #expect(entity.id == "n00001740")
        #expect(entity.text.first?.text == "entity")
        #expect(entity.edges.first == Edge("hyponym", to: "n00001930"))
    }

    @Test("A WordNet line becomes words, definition, metadata and edges")
    func lines() throws {
        let scratch = try Scratch()
        for name in ["data.verb", "data.adv"] { _ = try scratch.file(name, "  1 license\n") }
        _ = try scratch.file(
            "data.noun",
            """
              1 This software
            00001740 03 n 02 physical_entity 0 thing 1 002 @i 00001930 n 0000 ~ 00002137 v 0101 \
            | that which "is"; "was said here" (by them); and (more); "a last one"
            0000 broken
            """
        )
        _ = try scratch.file(
            "data.adj",
            "00001740 00 s 01 able(p) 0 001 & 00002098 s 0000 | having power\n"
        )
        let batch = try drain(WordNetReader(directory: scratch.path), by: 1)
        let noun = try #require(batch.documents.first)
        #expect(noun.text.map(\.text) == ["physical entity, thing", "that which; and (more)"])
        #expect(noun.metadata == ["pos": "n", "lexname": "noun.Tops", "senses": 2])
        #expect(
            noun.edges == [
                Edge("instance_hypernym", to: "n00001930"), Edge("hyponym", to: "v00002137"),
            ]
        )
        let adjective = try #require(batch.documents.last)
        #expect(adjective.id == "a00001740")
        #expect(adjective.text.first?.text == "able")
        #expect(adjective.edges == [Edge("similar_to", to: "a00002098")])
        #expect(batch.badLines.map(\.line) == [3])
        #expect(batch.badLines.first?.file.hasSuffix("data.noun") == true)
    }

    @Test("A missing WordNet directory is named")
    func missing() {
        let error = failure { _ = try WordNetReader(directory: "/nowhere") }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("/nowhere") == true)
    }
}

@Suite("IDX file")
struct IDXFileTests {
    private let whole: [UInt8] = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]

    @Test("Items of an IDX file come in order")
    func items() throws {
        let file = try IDXFile(whole, name: "a")
        #expect(file.sizes == [2, 3])
        #expect(Array(file[1]) == [4, 5, 6])
    }

    @Test("A truncated, prolonged or differently typed IDX file is refused")
    func refused() {
        for count in 0..<whole.count {
            let error = failure { _ = try IDXFile(Array(whole.prefix(count)), name: "a") }
            #expect(error?.code == .invalidArgument)
        }
        #expect(failure { _ = try IDXFile(whole + [7], name: "a") } != nil)
        var floats = whole
        floats[2] = 13
        #expect(failure { _ = try IDXFile(floats, name: "a") } != nil)
        var huge = whole
        for position in 4..<12 { huge[position] = 0xFF }
        #expect(failure { _ = try IDXFile(huge, name: "a") } != nil)
    }
}
