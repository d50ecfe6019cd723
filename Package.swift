// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "lodestone",
    platforms: [.macOS(.v15), .iOS(.v18)],
    products: [
        .library(name: "LodestoneClient", targets: ["LodestoneClient"]),
        .library(name: "LodestoneEngine", targets: ["LodestoneEngine"]),
        .executable(name: "lodestoned", targets: ["lodestoned"]),
        .executable(name: "lodestone", targets: ["lodestone"]),
        .executable(name: "lodestone-bench", targets: ["lodestone-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // System libraries: a module map and a shim, nothing else.
        .systemLibrary(
            name: "CSQLite",
            pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"])]
        ),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CStemmer", providers: [.apt(["libstemmer-dev"])]),
        .systemLibrary(
            name: "COpenSSL",
            pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]
        ),
        .systemLibrary(
            name: "COpenSSLTLS",
            pkgConfig: "openssl",
            providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]
        ),
        .systemLibrary(
            name: "CProtobufC",
            pkgConfig: "libprotobuf-c",
            providers: [.apt(["libprotobuf-c-dev"])]
        ),
        .systemLibrary(
            name: "CCurl",
            pkgConfig: "libcurl",
            providers: [.apt(["libcurl4-openssl-dev"]), .brew(["curl"])]
        ),

        // C of our own: generated messages, SIMD kernels, system calls that Swift cannot reach.
        .target(name: "CLodestoneProto", dependencies: ["CProtobufC"]),
        .target(name: "CVectorKernels"),
        .target(name: "CLodestoneSystem"),
        // The platform's C library under one name.
        .target(name: "LodestoneSystem", swiftSettings: strict),

        // The words of the API, the structures under them, and the parts of the engine.
        .target(name: "LodestoneCore", swiftSettings: strict),
        .target(name: "LodestoneJSON", swiftSettings: strict),
        .target(
            name: "LodestoneStructures",
            dependencies: ["LodestoneSystem", "LodestoneCore", "CLodestoneSystem", "COpenSSL"],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneANN",
            dependencies: [
                "LodestoneSystem", "LodestoneCore", "LodestoneStructures", "CVectorKernels",
                "CLodestoneSystem",
            ],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneFiles",
            dependencies: [
                "LodestoneSystem", "LodestoneCore", "LodestoneStructures", "CLodestoneSystem",
            ],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneText",
            dependencies: ["LodestoneSystem", "LodestoneCore", "LodestoneStructures", "CStemmer"],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneGraph",
            dependencies: ["LodestoneCore", "LodestoneStructures"],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneMetadata",
            dependencies: ["LodestoneCore", "LodestoneStructures", "CLodestoneSystem"],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneStorage",
            dependencies: [
                "LodestoneSystem", "LodestoneCore", "LodestoneStructures", "LodestoneFiles",
                "CSQLite", "CZstd", "CLodestoneSystem",
            ],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneEngine",
            dependencies: [
                "LodestoneSystem", "LodestoneCore", "LodestoneStructures", "LodestoneANN",
                "LodestoneText",
                "LodestoneGraph", "LodestoneMetadata", "LodestoneFiles", "LodestoneStorage",
                "CLodestoneSystem", collections,
            ],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneBackup",
            dependencies: [
                "LodestoneSystem", "LodestoneCore", "LodestoneStructures", "LodestoneFiles",
                "LodestoneStorage", "CCurl", "COpenSSL", "CZstd",
            ],
            swiftSettings: strict
        ),

        // The token file, for the server and the command line.
        .target(
            name: "LodestoneCredentials",
            dependencies: [
                "LodestoneSystem", "LodestoneCore", "LodestoneStructures", "LodestoneJSON",
            ],
            swiftSettings: strict
        ),

        // The wire, and both of its ends.
        .target(
            name: "LodestoneWire",
            dependencies: ["LodestoneCore", "LodestoneStructures", "CLodestoneProto"],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneTransport",
            dependencies: [
                "LodestoneSystem", "LodestoneCore", "LodestoneStructures", "CLodestoneSystem",
                "COpenSSLTLS",
            ],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneHTTP",
            dependencies: [
                "LodestoneSystem", "LodestoneCore", "LodestoneStructures", "LodestoneTransport",
            ],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneMetrics",
            dependencies: ["LodestoneSystem", metrics],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneServer",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneSystem", "LodestoneEngine",
                "LodestoneWire", "LodestoneTransport", "LodestoneHTTP", "LodestoneMetrics",
                "LodestoneCredentials", "LodestoneJSON", "CLodestoneSystem", logging, collections,
                metrics,
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "LodestoneClient",
            dependencies: [
                "LodestoneCore", "LodestoneWire", "LodestoneTransport", collections, heap,
            ],
            path: "clients/swift",
            swiftSettings: strict
        ),

        // Files of documents, vectors and edges, for the command line and the measurements.
        .target(
            name: "LodestoneImport",
            dependencies: [
                "LodestoneSystem", "LodestoneCore", "LodestoneStructures", "LodestoneJSON", "CZstd",
            ],
            swiftSettings: strict
        ),

        // Programs: parse arguments, call one function.
        .executableTarget(
            name: "lodestoned",
            dependencies: [
                "LodestoneCore", "LodestoneEngine", "LodestoneServer", "LodestoneCredentials",
                "LodestoneHTTP", "LodestoneMetrics", "LodestoneJSON", "LodestoneSystem",
                "CLodestoneSystem", logging, metrics, arguments,
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "lodestone",
            dependencies: [
                "LodestoneCore", "LodestoneSystem", "LodestoneClient", "LodestoneImport",
                "LodestoneJSON", "LodestoneCredentials", "LodestoneStorage", "LodestoneBackup",
                "LodestoneText", arguments,
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "lodestone-demo",
            dependencies: ["LodestoneCore", "LodestoneClient", "LodestoneImport", arguments],
            exclude: ["Data"],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "lodestone-bench",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneClient", "LodestoneEngine",
                "LodestoneANN", "LodestoneText", "LodestoneFiles", "LodestoneImport", arguments,
            ],
            swiftSettings: strict
        ),

        // The shared parts of tests, and the program that kills servers.
        .target(
            name: "TestSupport",
            dependencies: [
                "LodestoneSystem", "LodestoneCore", "LodestoneStructures", "CLodestoneSystem",
            ],
            path: "Tests/Support",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "lodestone-faults",
            dependencies: [
                "LodestoneSystem", "LodestoneStructures", "LodestoneClient", "LodestoneEngine",
                "LodestoneStorage", "LodestoneText", "TestSupport", arguments,
            ],
            path: "Tests/Faults",
            exclude: ["Shim"],
            swiftSettings: strict
        ),

        // The rules of the tree.
        .testTarget(name: "TidyTests", swiftSettings: strict),

        // Tests mirror the sources.
        .testTarget(
            name: "LodestoneCoreTests",
            dependencies: ["LodestoneCore", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneJSONTests",
            dependencies: ["LodestoneJSON", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneCredentialsTests",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneCredentials", "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneStructuresTests",
            dependencies: ["LodestoneStructures", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneANNTests",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneSystem", "LodestoneANN",
                "CVectorKernels", "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneFilesTests",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneFiles", "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneTextTests",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneSystem", "LodestoneText",
                "CSQLite", "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneGraphTests",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneGraph", "CSQLite", "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneMetadataTests",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneMetadata", "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneStorageTests",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneStorage", "LodestoneText",
                "CLodestoneSystem", "CSQLite", "CZstd", "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneBackupTests",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneEngine", "LodestoneStorage",
                "LodestoneBackup", "LodestoneText", "LodestoneSystem", "CZstd", "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneEngineTests",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneANN", "LodestoneSystem",
                "LodestoneEngine", "LodestoneStorage", "LodestoneText", "LodestoneMetadata",
                "CLodestoneSystem", "CSQLite", "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneWireTests",
            dependencies: ["LodestoneCore", "LodestoneStructures", "LodestoneWire", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneTransportTests",
            dependencies: [
                "LodestoneSystem", "LodestoneCore", "LodestoneStructures", "LodestoneTransport",
                "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneHTTPTests",
            dependencies: ["LodestoneCore", "LodestoneHTTP", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneMetricsTests",
            dependencies: ["LodestoneMetrics", "TestSupport", metrics],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneServerTests",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneEngine", "LodestoneSystem",
                "LodestoneServer", "LodestoneClient", "LodestoneWire", "LodestoneCredentials",
                "LodestoneHTTP", "LodestoneMetrics", "lodestoned", "TestSupport", logging,
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneClientTests",
            dependencies: [
                "LodestoneCore", "LodestoneEngine", "LodestoneServer", "LodestoneClient",
                "LodestoneWire", "LodestoneTransport", "LodestoneCredentials", "TestSupport",
                logging,
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneCommandTests",
            dependencies: [
                "LodestoneCore", "LodestoneStructures", "LodestoneClient", "LodestoneImport",
                "LodestoneJSON", "lodestone", "lodestoned", "readme-example", "TestSupport",
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "readme-example",
            dependencies: ["LodestoneClient"],
            path: "Tests/Examples/Swift",
            swiftSettings: strict
        ),
        .testTarget(
            name: "LodestoneImportTests",
            dependencies: [
                "LodestoneCore", "LodestoneImport", "LodestoneJSON", "LodestoneEngine",
                "LodestoneStorage", "LodestoneText", "TestSupport",
            ],
            swiftSettings: strict
        ),
    ]
)
