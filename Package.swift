// swift-tools-version: 6.2
import PackageDescription

let isBenchmarking = Context.environment["FLUXON_BENCHMARKS"] == "1"

/// One array, used by every Swift target.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"), .enableUpcomingFeature("MemberImportVisibility"),
]

/// Mistakes that tests plant, one at a time: compiled into debug builds and into `scripts/simulate`'s, never into a release.
let isPlanting = Context.environment["FLUXON_PLANTING"] == "1"
let planted: [SwiftSetting] =
    settings + [isPlanting ? .define("FLUXON_PLANTING") : .define("FLUXON_PLANTING", .when(configuration: .debug))]

/// What `--version` calls the commit: scripts/install says it. Never asked of git here: SwiftPM keeps the answer beyond the next commit
/// (docs/decisions/0049).
let commit = (Context.environment["FLUXON_COMMIT"] ?? "unknown").filter { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

func library(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: planted)
}

/// A role is a library, so that one test process can hold a whole cluster, and an executable of a few lines.
func role(_ name: String, executable: String, _ dependencies: [Target.Dependency]) -> [Target] {
    [
        library(name, dependencies, exclude: ["Main"]),
        .executableTarget(
            name: executable, dependencies: [.target(name: name), "FluxonCore", "FluxonRole", "FluxonVersion", logging, arguments],
            path: "Sources/\(name)/Main", swiftSettings: settings),
    ]
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies + forSanitizer, exclude: exclude, swiftSettings: planted)
}

/// FLUXON_THREAD_SANITIZER=1: what the thread sanitizer must be told to follow Swift's locks. See scripts/sanitize.
let isThreadSanitized = Context.environment["FLUXON_THREAD_SANITIZER"] == "1"
let forSanitizer: [Target.Dependency] = isThreadSanitized ? ["CThreadSanitizer"] : []
let sanitizing: [Target] = isThreadSanitized ? [.target(name: "CThreadSanitizer", path: "Tests/CThreadSanitizer")] : []

// What may import what is said here and nowhere else: a wrong arrow does not compile.
let cTargets: [Target] = [
    .target(name: "CLinux"),
    .target(name: "CFluxonPool"),
    .target(name: "CFluxonChecksum"),
    .target(name: "CFluxonCommit", cSettings: [.define("FLUXON_COMMIT", to: "\"\(commit)\"")]),
    .target(name: "CNuma", linkerSettings: [.linkedLibrary("numa")]),
    .target(name: "CVerbs", linkerSettings: [.linkedLibrary("ibverbs"), .linkedLibrary("rdmacm")]),
    .systemLibrary(name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
]

let mechanisms: [Target] = [
    library("FluxonCore", [.product(name: "Yams", package: "Yams")]),
    library("FluxonSystem", ["CLinux", "CNuma", "FluxonCore", deque, heap]),
    library("FluxonTLS", ["COpenSSL", "FluxonCore"]),
    library("FluxonVersion", ["CFluxonCommit", "FluxonCore"]),
    library(
        "FluxonRole",
        [
            "FluxonCore", "FluxonSystem", "FluxonVersion", logging, lifecycle, arguments,
            .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        ]),
    library("FluxonPool", ["CFluxonPool", "FluxonCore", "FluxonSystem"]),
    library("FluxonRPC", ["CNGHTTP2", "FluxonCore", "FluxonSystem", "FluxonTLS", deque, logging]),
    library("FluxonTransfer", ["CFluxonChecksum", "CVerbs", "FluxonCore", "FluxonSystem", "FluxonTLS", deque, logging]),
    library("FluxonEtcd", ["FluxonCore", "FluxonSystem", "FluxonTLS", "FluxonRPC", protobuf, logging]),
    library(
        "FluxonEtcdEmbedded",
        ["FluxonCore", "FluxonSystem", "FluxonRPC", "FluxonEtcd", protobuf, logging, .product(name: "GRDB", package: "GRDB.swift")]),
]

let roles: [Target] =
    role(
        "FluxonMaster", executable: "fluxon-master",
        ["FluxonCore", "FluxonSystem", "FluxonTLS", "FluxonRPC", "FluxonEtcd", "FluxonEtcdEmbedded", deque, heap, logging, lifecycle])
    + role(
        "FluxonOwner", executable: "fluxon-owner",
        [
            "FluxonCore", "FluxonSystem", "FluxonTLS", "FluxonRPC", "FluxonEtcd", "FluxonPool", "FluxonTransfer", deque, heap, logging,
            lifecycle,
        ])
    + role(
        "FluxonExternal", executable: "fluxon-external",
        ["FluxonCore", "FluxonSystem", "FluxonRPC", "FluxonPool", deque, logging, lifecycle])

let face: [Target] = [
    library("Fluxon", ["FluxonCore", "FluxonSystem", "FluxonPool", "FluxonRPC", deque]),
    library("FluxonMeasure", ["Fluxon", "FluxonCore", "FluxonSystem", "FluxonRPC"]),
    .executableTarget(
        name: "fluxon", dependencies: ["Fluxon", "FluxonCore", "FluxonSystem", "FluxonRPC", "FluxonMeasure", "FluxonVersion", arguments],
        path: "Sources/FluxonCLI", swiftSettings: settings),
]

let testTargets: [Target] = [
    .target(name: "FluxonTestFiles", dependencies: ["FluxonSystem"], path: "Tests/FluxonTestFiles", swiftSettings: settings),
    .target(
        name: "FluxonLocalSupport", dependencies: ["FluxonOwner", "FluxonTestFiles", "fluxon-probe"], path: "Tests/FluxonLocalSupport",
        swiftSettings: settings
    ),
    .executableTarget(name: "fluxon-probe", dependencies: ["Fluxon"], path: "Tests/FluxonProbe", swiftSettings: settings),
    // Entry points for fuzzing, one file per decoder or session: replayed by tests, driven by libFuzzer in scripts/fuzz.
    .target(
        name: "FluxonFuzzing",
        dependencies: [
            "Fluxon", "FluxonRPC", "FluxonCore", "FluxonSystem", "FluxonTLS", "FluxonPool", "FluxonTransfer", "FluxonMaster",
            "FluxonOwner", "FluxonEtcd", "FluxonEtcdEmbedded", protobuf,
        ],
        path: "Fuzzing/Targets", swiftSettings: settings),
    tests("FluxonFuzzingTests", ["FluxonFuzzing", "FluxonRPC", "FluxonSystem"]),
    tests("FluxonCoreTests", ["FluxonCore", "FluxonSeededRandom"]),
    tests("FluxonSystemTests", ["FluxonSystem", "FluxonTestFiles"]),
    .target(name: "FluxonSeededRandom", path: "Tests/FluxonSeededRandom", swiftSettings: settings),
    // An owner and readers that check each other, in one process or several.
    .target(
        name: "FluxonPoolStress", dependencies: ["FluxonSeededRandom", "FluxonPool", "FluxonCore", "FluxonSystem"],
        path: "Tests/FluxonPoolStress", swiftSettings: settings),
    .executableTarget(
        name: "fluxon-pool-reader", dependencies: ["FluxonPool", "FluxonPoolStress", "FluxonCore", "FluxonSystem"],
        path: "Tests/FluxonPoolReader", swiftSettings: settings),
    tests("FluxonPoolTests", ["FluxonSeededRandom", "FluxonPool", "FluxonPoolStress", "FluxonCore", "FluxonSystem", "fluxon-pool-reader"]),
    tests("FluxonRPCTests", ["FluxonRPC", "FluxonCore", "FluxonSystem", "FluxonTLS", "FluxonTestFiles"], exclude: ["Peers"]),
    tests("FluxonTransferTests", ["FluxonCore", "FluxonSystem", "FluxonTLS", "FluxonTransfer", "FluxonTestFiles"]),
    // The embedded metadata as a process of its own: only such a one can be killed.
    .executableTarget(
        name: "fluxon-test-etcd", dependencies: ["FluxonSystem", "FluxonEtcdEmbedded", logging], path: "Tests/FluxonTestEtcd",
        swiftSettings: settings),
    tests(
        "FluxonEtcdTests",
        [
            "FluxonSeededRandom", "FluxonCore", "FluxonSystem", "FluxonRPC", "FluxonEtcd", "FluxonEtcdEmbedded", "FluxonTestFiles",
            "fluxon-test-etcd",
        ]),
    tests(
        "FluxonMasterTests",
        [
            "FluxonSeededRandom", "FluxonMaster", "FluxonCore", "FluxonSystem", "FluxonEtcd", "FluxonEtcdEmbedded", "FluxonTestFiles",
            logging,
        ]),
    tests("FluxonOwnerTests", ["FluxonOwner", "FluxonMaster"]),
    tests("FluxonExternalTests", ["Fluxon", "FluxonExternal", "FluxonOwner", "FluxonLocalSupport", "FluxonTestFiles"]),
    tests("FluxonTests", ["Fluxon", "FluxonOwner", "FluxonLocalSupport"]),
    tests("FluxonMeasureTests", ["FluxonMeasure"]),
    // The checker of recorded histories, for the simulator and for real processes.
    .target(name: "FluxonLinearizability", path: "Tests/FluxonLinearizability", swiftSettings: settings),
    tests("FluxonLinearizabilityTests", ["FluxonSeededRandom", "FluxonLinearizability"]),
    // Clients that write down what they saw: in the tests' own process, and as processes that can be killed.
    .target(
        name: "FluxonWorkload", dependencies: ["Fluxon", "FluxonSeededRandom", "FluxonLinearizability", "FluxonCore", "FluxonSystem"],
        path: "Tests/FluxonWorkload", swiftSettings: settings),
    .executableTarget(
        name: "fluxon-chaos-client", dependencies: ["Fluxon", "FluxonWorkload"], path: "Tests/FluxonChaosClient",
        swiftSettings: settings),
    // A cluster under virtual time: for the tests, and for as many seeds as one likes (scripts/simulate).
    .target(
        name: "FluxonSimulation",
        dependencies: [
            "FluxonSeededRandom", "FluxonLinearizability", "FluxonCore", "FluxonMaster", "FluxonOwner", "FluxonPool", "FluxonTransfer",
            heap,
        ],
        path: "Tests/FluxonSimulation", swiftSettings: planted),
    .executableTarget(
        name: "fluxon-simulate", dependencies: ["FluxonSimulation", arguments], path: "Tests/FluxonSimulate", swiftSettings: planted),
    tests(
        "FluxonSimulationTests", ["FluxonSimulation", "FluxonLinearizability", "FluxonCore", "FluxonMaster", "FluxonOwner", "FluxonPool"]),
    // Faults that need C, and a library that the tests preload into roles and clients to bend their clocks.
    .target(name: "CFluxonFaults", path: "Tests/CFluxonFaults"),
    .target(name: "FluxonFaultClock", dependencies: ["CFluxonFaults"], path: "Tests/FluxonFaultClock"),
    tests(
        "FluxonClusterTests",
        [
            "Fluxon", "FluxonSeededRandom", "FluxonWorkload", "FluxonLinearizability", "FluxonCore", "FluxonRPC", "FluxonSystem",
            "FluxonTestFiles", "CFluxonFaults", "fluxon-chaos-client", "fluxon-probe", "FluxonMaster", "FluxonOwner", "FluxonTransfer",
            "FluxonEtcd", "FluxonEtcdEmbedded", "fluxon", logging,
        ]),
    tests("FluxonDeployTests", ["FluxonCore", "FluxonSystem", "FluxonTestFiles"]),
    tests("FluxonCLITests", ["fluxon", "FluxonCore", "FluxonOwner", "FluxonPool", "FluxonRPC", "FluxonSystem", "FluxonTestFiles"]),
    tests("FluxonRoleTests", ["FluxonRole", "FluxonCore", "FluxonSystem", "FluxonTestFiles", logging]),
    tests("FluxonTidyTests", []),
]

/// libFuzzer's program, only with FLUXON_FUZZING=1: scripts/fuzz builds it. What it calls is replayed by the tests.
let fuzzing: [Target] =
    Context.environment["FLUXON_FUZZING"] == "1"
    ? [
        .executableTarget(
            name: "fluxon-fuzz", dependencies: ["FluxonFuzzing"], path: "Fuzzing/Program",
            // libFuzzer has the `main`.
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])])
    ] : []

let benchmarks: [Target] =
    isBenchmarking
    ? [
        .executableTarget(
            name: "fluxon-benchmarks",
            dependencies: [
                "Fluxon", "FluxonCore", "FluxonSystem", "FluxonPool", "FluxonRPC", "FluxonTransfer", "FluxonMaster", "FluxonMeasure",
                logging,
            ],
            path: "Benchmarks", exclude: ["VerbsStandIn", "Ratios.json"], swiftSettings: settings),
        // Preloaded in place of libibverbs and librdmacm by whoever counts what RDMA costs without a device.
        .target(name: "CVerbsStandIn", path: "Benchmarks/VerbsStandIn"),
    ] : []
let benchmarkProducts: [Product] =
    isBenchmarking ? [.library(name: "CVerbsStandIn", type: .dynamic, targets: ["CVerbsStandIn"])] : []

/// FLUXON_ONLY_TESTS=FluxonPoolTests,…: no other tests. scripts/sanitize builds only what it runs.
let onlyTests = Context.environment["FLUXON_ONLY_TESTS"]?.split(separator: ",").map(String.init)
let chosenTestTargets = testTargets.filter { $0.type != .test || onlyTests?.contains($0.name) ?? true }

let package = Package(
    name: "fluxon",
    products: [
        .library(name: "Fluxon", targets: ["Fluxon"]),
        .executable(name: "fluxon", targets: ["fluxon"]),
        .executable(name: "fluxon-master", targets: ["fluxon-master"]),
        .executable(name: "fluxon-owner", targets: ["fluxon-owner"]),
        .executable(name: "fluxon-external", targets: ["fluxon-external"]),
        .library(name: "FluxonFaultClock", type: .dynamic, targets: ["FluxonFaultClock"]),
    ] + benchmarkProducts,
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: cTargets + mechanisms + roles + face + chosenTestTargets + sanitizing + fuzzing + benchmarks,
    cLanguageStandard: .gnu11
)
