// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Types whose `Codable` goes another way than that of a plain struct.
enum Zoo {
    /// Encodes each property into a container of its own, for one and the same key.
    struct Place: Codable, Equatable {
        var lat: Double
        var lon: Double
        var tags: [String]

        enum Outer: CodingKey { case geo, tags }
        enum Inner: CodingKey { case lat, lon }

        init(lat: Double, lon: Double, tags: [String]) {
            (self.lat, self.lon, self.tags) = (lat, lon, tags)
        }

        init(from decoder: any Decoder) throws {
            let outer = try decoder.container(keyedBy: Outer.self)
            let inner = try outer.nestedContainer(keyedBy: Inner.self, forKey: .geo)
            lat = try inner.decode(Double.self, forKey: .lat)
            lon = try inner.decode(Double.self, forKey: .lon)
            var list = try outer.nestedUnkeyedContainer(forKey: .tags)
            tags = []
            while !list.isAtEnd { tags.append(try list.decode(String.self)) }
        }

        func encode(to encoder: any Encoder) throws {
            var outer = encoder.container(keyedBy: Outer.self)
            var first = outer.nestedContainer(keyedBy: Inner.self, forKey: .geo)
            try first.encode(lat, forKey: .lat)
            var second = outer.nestedContainer(keyedBy: Inner.self, forKey: .geo)
            try second.encode(lon, forKey: .lon)
            _ = outer.nestedUnkeyedContainer(forKey: .tags)
            for tag in tags {
                var list = outer.nestedUnkeyedContainer(forKey: .tags)
                try list.encode(tag)
            }
        }
    }

    /// A list of lists of objects, made by containers alone.
    struct Grid: Codable, Equatable {
        var rows: [[Int]]

        enum Key: CodingKey { case n }

        init(rows: [[Int]]) { self.rows = rows }

        init(from decoder: any Decoder) throws {
            var outer = try decoder.unkeyedContainer()
            rows = []
            while !outer.isAtEnd {
                var inner = try outer.nestedUnkeyedContainer()
                var row: [Int] = []
                while !inner.isAtEnd {
                    let cell = try inner.nestedContainer(keyedBy: Key.self)
                    row.append(try cell.decode(Int.self, forKey: .n))
                }
                rows.append(row)
            }
        }

        func encode(to encoder: any Encoder) throws {
            var outer = encoder.unkeyedContainer()
            for row in rows {
                var inner = outer.nestedUnkeyedContainer()
                for n in row {
                    var cell = inner.nestedContainer(keyedBy: Key.self)
                    try cell.encode(n, forKey: .n)
                }
            }
        }
    }

    /// A wrapper that encodes what it wraps, `nil` as well.
    @propertyWrapper
    struct Transparent<V: Codable & Equatable>: Codable, Equatable {
        var wrappedValue: V

        init(wrappedValue: V) { self.wrappedValue = wrappedValue }
        init(from decoder: any Decoder) throws {
            wrappedValue = try decoder.singleValueContainer().decode(V.self)
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(wrappedValue)
        }
    }

    /// A property whose type may turn out to be optional.
    struct Row<V: Codable & Equatable>: Codable, Equatable {
        var v: V
        @Transparent var w: V
    }

    indirect enum Tree: Codable, Equatable {
        case leaf(Int)
        case node(Tree, name: String?, Tree)
        case empty
    }

    class Base: Codable {
        var name: String
        init(name: String) { self.name = name }
    }

    /// Encodes its superclass with an encoder of its own: under `super`, or in a list.
    final class Derived: Base, Equatable {
        var size: Int
        var inList: Bool

        enum Key: CodingKey { case size, inList, parts }

        init(name: String, size: Int, inList: Bool) {
            (self.size, self.inList) = (size, inList)
            super.init(name: name)
        }

        required init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            size = try container.decode(Int.self, forKey: .size)
            inList = try container.decode(Bool.self, forKey: .inList)
            if inList {
                var parts = try container.nestedUnkeyedContainer(forKey: .parts)
                try super.init(from: parts.superDecoder())
            } else {
                try super.init(from: container.superDecoder())
            }
        }

        override func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(size, forKey: .size)
            try container.encode(inList, forKey: .inList)
            if inList {
                var parts = container.nestedUnkeyedContainer(forKey: .parts)
                try super.encode(to: parts.superEncoder())
            } else {
                try super.encode(to: container.superEncoder())
            }
        }

        static func == (left: Derived, right: Derived) -> Bool {
            left.name == right.name && left.size == right.size && left.inList == right.inList
        }
    }

    enum Color: String, Codable, CodingKeyRepresentable { case red, green }
    struct Empty: Codable, Equatable {}

    /// All at once.
    struct Everything: Codable, Equatable {
        var flag: Bool
        var small: Int8
        var large: Int64
        var unsigned: UInt32
        var float: Float
        var half: Float16
        var double: Double
        var graphics: CGFloat
        var text: String
        var url: URL
        var price: Decimal
        var data: Data
        var id: UUID
        var seen: Date
        var position: Place
        var grid: Grid
        var tree: Tree
        var derived: Derived
        var optional: Int?
        var twice: Int??
        var lists: [[String]]
        var names: [String: [Double]]
        var numbers: [Int: String]
        var colors: [Color: Int]
        var set: Set<Int>
        var range: Range<Int>
        var row: Row<Int?>
        var rows: [Row<String>]
        var empty: Empty
        @Transparent var wrapped: [Int]

        init(using generator: inout some RandomNumberGenerator) {
            func int() -> Int { Int.random(in: -1_000...1_000, using: &generator) }
            func list<T>(_ make: () -> T) -> [T] { (0..<abs(int() % 4)).map { _ in make() } }
            func text() -> String {
                ["", "a", "ünï", "日本", "x.y", "\u{1F600}", "line\n\"quoted\""]
                    .randomElement(using: &generator) ?? ""
            }
            func tree(_ depth: Int) -> Tree {
                switch depth > 4 ? 0 : abs(int() % 3) {
                case 0: .leaf(int())
                case 1: .node(tree(depth + 1), name: int() > 0 ? text() : nil, tree(depth + 1))
                default: .empty
                }
            }
            flag = int() > 0
            small = Int8(truncatingIfNeeded: int())
            large = Int64.random(in: .min ... .max, using: &generator)
            unsigned = UInt32.random(in: .min ... .max, using: &generator)
            float = Float(int()) / 7
            half = Float16(int()) / 8
            double = Double(int()) / 7
            graphics = CGFloat(int()) / 7
            self.text = text()
            url = URL(string: "https://example.org/a?b=\(int())#c") ?? URL(fileURLWithPath: "/")
            price = Decimal(int()) / 100
            data = Data(list { UInt8(truncatingIfNeeded: int()) })
            id = UUID()
            seen = Date(timeIntervalSince1970: Double(int() * 1_000_003) / 1_000_000)
            position = Place(lat: Double(int()), lon: Double(int()), tags: list(text))
            grid = Grid(rows: list { list(int) })
            self.tree = tree(0)
            derived = Derived(name: text(), size: int(), inList: int() > 0)
            optional = int() > 0 ? int() : nil
            twice = int() > 0 ? .some(int()) : nil
            lists = list { list(text) }
            names = Dictionary(list { (text(), list { Double(int()) }) }) { $1 }
            numbers = Dictionary(list { (int(), text()) }) { $1 }
            colors = int() > 0 ? [.red: int()] : [.green: int(), .red: int()]
            set = Set(list(int))
            range = -5..<abs(int())
            row = Row(v: int() > 0 ? int() : nil, w: int() > 0 ? int() : nil)
            rows = list { Row(v: text(), w: text()) }
            empty = Empty()
            wrapped = list(int)
        }
    }
}
