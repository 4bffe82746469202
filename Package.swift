// swift-tools-version: 6.2
import PackageDescription

// Rows of Sources/ARCHITECTURE.md, bottom to top. A target imports only rows below its own:
// Tests/TidyTests parses every import and holds the table.

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  // Rooms are small, so most calls cross from one to another; without it none of them is inlined or specialised.
  .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

/// Rooms that the simulator runs are optimised in debug builds too: hundreds of seeds fit into the tests then.
///
/// Every check of a debug build is left but `assert`, which is used nowhere.
let simulated: [SwiftSetting] = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// A library without I/O: the compiler refuses unsafe code in it that is not marked (six places, each with its reason).
func pure(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(
    name: name, dependencies: dependencies, exclude: ["README.md"],
    swiftSettings: simulated + [.strictMemorySafety()])
}

func room(
  _ name: String, _ dependencies: [Target.Dependency], settings: [SwiftSetting] = strict,
  linker: [LinkerSetting] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, exclude: ["README.md"], swiftSettings: settings,
    linkerSettings: linker)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioConcurrency: Target.Dependency = .product(
  name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let argumentParser: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "switchyard",
  dependencies: [
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
  ],
  targets: [
    // vocabulary
    pure("ExchangeTypes", [crypto]),

    // C modules: one target each, nothing but a module map and a shim
    .systemLibrary(name: "CRaft"),
    .systemLibrary(name: "CHeap"),
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
    .systemLibrary(
      name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),

    // the built-in engine's arithmetic and its model
    .target(
      name: "CKernels",
      exclude: ["README.md"],
      // Without optimisation a debug build's tests would take minutes.
      cSettings: [.unsafeFlags(["-O3"])]),
    .target(name: "CModelBytes", exclude: ["README.md", "model.gguf"]),

    // pure
    pure("TokenLedger", ["ExchangeTypes", crypto]),
    pure("JobMarket", ["ExchangeTypes"]),
    pure("ExchangeCore", ["TokenLedger", "JobMarket", "ExchangeTypes", crypto, deque, heap]),
    pure("WireProtocol", ["ExchangeTypes", crypto]),
    pure("OpenAIFormat"),

    // C wrappers
    room("LMDB", ["CLMDB"]),
    room(
      "RaftEngine", ["CRaft", "ExchangeTypes"], settings: simulated,
      linker: [.linkedLibrary(":libraft.a")]),
    room("HTTP2Session", ["CNGHTTP2"]),

    // drivers
    room(
      "Consensus", ["RaftEngine", "ExchangeCore", "ExchangeTypes", deque, crypto],
      settings: simulated),
    room(
      "JobDispatch",
      [
        "Consensus", "RaftEngine", "ExchangeCore", "JobMarket", "TokenLedger", "WireProtocol",
        "OpenAIFormat", "ExchangeTypes", deque, heap, crypto,
      ], settings: simulated),

    // edges
    room("Storage", ["LMDB", "Consensus", "RaftEngine", "ExchangeTypes"]),
    room("Identity", ["ExchangeTypes", "WireProtocol", crypto, x509, asn1]),
    room("HostFacts", ["OpenAIFormat", "WireProtocol"]),
    room("Engines", ["OpenAIFormat", nioCore, nioPosix, nioHTTP1, nioTLS, nioSSL, log]),
    room(
      "BuiltinEngine",
      [
        "CKernels", "CModelBytes", "Engines", "OpenAIFormat", crypto, heap, nioCore, nioPosix,
        nioConcurrency,
      ]),
    room(
      "Transport",
      [
        "HTTP2Session", "Identity", "ExchangeTypes", nioCore, nioPosix, nioConcurrency, nioTLS,
        nioSSL, log,
      ]),

    // client
    room(
      "Links",
      [
        "Transport", "HTTP2Session", "Identity", "JobDispatch", "WireProtocol", "ExchangeTypes",
        nioCore,
      ]),

    room(
      "ExchangeClient",
      [
        "Links", "Transport", "Identity", "JobDispatch", "WireProtocol", "ExchangeTypes",
        nioCore, nioPosix, deque,
      ]),

    // assemblies
    room(
      "Coordinator",
      [
        "Links", "Transport", "Storage", "Identity", "JobDispatch", "Consensus", "RaftEngine",
        "WireProtocol", "ExchangeTypes", nioCore, nioPosix, log,
      ]),
    room(
      "Gateway",
      [
        "ExchangeClient", "Transport", "HTTP2Session", "Identity", "JobDispatch", "OpenAIFormat",
        "WireProtocol", "ExchangeTypes",
        crypto, deque, nioCore, nioPosix, nioHTTP1, nioConcurrency,
      ]),
    room(
      "WorkerAgent",
      [
        "ExchangeClient", "Links", "Transport", "Identity", "JobDispatch", "Engines",
        "BuiltinEngine", "HostFacts", "JobMarket", "OpenAIFormat", "WireProtocol", "ExchangeTypes",
        nioCore,
        nioPosix,
        nioConcurrency, log,
      ]),

    room(
      "SimulationKit",
      [
        "JobDispatch", "Consensus", "RaftEngine", "ExchangeCore", "JobMarket", "TokenLedger",
        "WireProtocol", "OpenAIFormat", "ExchangeTypes", heap,
      ], settings: simulated),

    // executables
    .executableTarget(
      name: "yard",
      dependencies: [
        "CHeap", "Coordinator", "WorkerAgent", "Gateway", "ExchangeClient", "Links", "Transport",
        "Identity",
        "Engines", "HostFacts", "Storage", "JobDispatch", "JobMarket", "ExchangeCore",
        "OpenAIFormat", "TokenLedger", "WireProtocol", "ExchangeTypes", nioCore, nioPosix, log,
        argumentParser,
      ],
      exclude: ["README.md"], swiftSettings: strict),
    .executableTarget(
      name: "yard-bench",
      dependencies: [
        "ExchangeClient", "Transport", "Identity", "Engines", "BuiltinEngine", "OpenAIFormat",
        "SimulationKit", "Storage", "Consensus", "RaftEngine", "ExchangeCore", "JobMarket",
        "TokenLedger",
        "WireProtocol", "ExchangeTypes", nioPosix, log, argumentParser,
      ],
      exclude: ["README.md"], swiftSettings: strict),

    .executableTarget(
      name: "yard-sim", dependencies: ["SimulationKit", "RaftEngine", argumentParser],
      exclude: ["README.md"], swiftSettings: strict),

    // tests
    .target(
      name: "TemporaryDirectory", path: "Tests/TemporaryDirectory",
      swiftSettings: [.treatAllWarnings(as: .error)]),
    tests("ExchangeTypesTests", ["ExchangeTypes"]),
    tests("TokenLedgerTests", ["TokenLedger", "ExchangeTypes"]),
    tests("JobMarketTests", ["JobMarket", "ExchangeTypes"]),
    tests("ExchangeCoreTests", ["ExchangeCore", "ExchangeTypes", "TokenLedger", "JobMarket"]),
    tests("WireProtocolTests", ["WireProtocol", "ExchangeTypes", crypto]),
    tests("OpenAIFormatTests", ["OpenAIFormat"]),
    tests("LMDBTests", ["LMDB", "TemporaryDirectory"]),
    tests("RaftEngineTests", ["RaftEngine", "ExchangeTypes"]),
    tests("HTTP2SessionTests", ["HTTP2Session"]),
    tests(
      "StorageTests",
      [
        "Storage", "LMDB", "Consensus", "RaftEngine", "ExchangeTypes", "TemporaryDirectory",
      ]),
    tests(
      "IdentityTests",
      ["Identity", "WireProtocol", "ExchangeTypes", "TemporaryDirectory", crypto]),
    tests(
      "TransportTests",
      [
        "Transport", "HTTP2Session", "Identity", "ExchangeTypes", nioCore, nioPosix, nioConcurrency,
      ]),
    tests("HostFactsTests", ["HostFacts", "OpenAIFormat", "WireProtocol"]),
    tests(
      "EnginesTests",
      [
        "Engines", "OpenAIFormat", nioCore, nioPosix, nioHTTP1, nioSSL, x509, asn1, crypto, log,
      ]),
    tests("BuiltinEngineTests", ["BuiltinEngine", "CKernels", "Engines", "OpenAIFormat"]),
    tests(
      "WorkerAgentTests",
      [
        "WorkerAgent", "Links", "Transport", "JobDispatch", "JobMarket", "Engines", "OpenAIFormat",
        "WireProtocol", "ExchangeTypes", "TemporaryDirectory", nioCore, nioPosix, nioHTTP1, log,
      ]),
    tests(
      "ConsensusTests",
      ["Consensus", "RaftEngine", "ExchangeCore", "TokenLedger", "ExchangeTypes"]),
    tests(
      "JobDispatchTests",
      [
        "JobDispatch", "Consensus", "RaftEngine", "ExchangeCore", "JobMarket", "TokenLedger",
        "OpenAIFormat", "WireProtocol", "ExchangeTypes", crypto,
      ]),
    tests(
      "LinksTests",
      [
        "Links", "Transport", "HTTP2Session", "Identity", "JobDispatch", "WireProtocol",
        "ExchangeTypes", nioCore, nioPosix, nioConcurrency,
      ]),
    tests(
      "ExchangeClientTests",
      [
        "ExchangeClient", "Links", "Transport", "Identity", "JobDispatch", "WireProtocol",
        "ExchangeTypes", nioCore, nioPosix, nioConcurrency,
      ]),
    tests(
      "GatewayTests",
      [
        "Gateway", "ExchangeClient", "Links", "Transport", "HTTP2Session", "Identity",
        "JobDispatch", "WireProtocol", "ExchangeTypes", "TemporaryDirectory", nioCore, nioPosix,
        nioConcurrency,
      ]),
    tests(
      "CoordinatorTests",
      [
        "Coordinator", "JobDispatch", "Identity", "WireProtocol", "ExchangeTypes",
        "TemporaryDirectory", nioPosix,
      ]),
    tests("SimulationTests", ["SimulationKit", "yard-sim"]),
    tests(
      "YardTests",
      [
        "yard", "TokenLedger", "OpenAIFormat", "WireProtocol", "ExchangeTypes",
        "TemporaryDirectory", argumentParser, log,
      ]),
    .testTarget(name: "TidyTests", swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
