// swift-tools-version: 6.2
// MailProxy: the modules of Docs/Architecture.md, one target each. Dependencies go down only.
import PackageDescription

/// `make fuzz`: all modules with coverage and AddressSanitizer, and the executable that feeds them. Apart from everything
/// else, because a package with such flags can't be depended upon.
let fuzzes = Context.environment["MAILPROXY_FUZZ"] != nil
let fuzzing = ["-sanitize=fuzzer,address", "-assert-config", "Debug"]

/// Every target is compiled in Swift 6 mode with warnings as errors.
let strict: [SwiftSetting] =
    [.treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny")] + (fuzzes ? [.unsafeFlags(fuzzing)] : [])

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name), "TestSupport"] + dependencies, swiftSettings: strict)
}

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")

let fuzzer: Target = .executableTarget(
    name: "mailproxy-fuzz",
    dependencies: ["MailMessage", "MailDialogue", "MailRecording", "MailRules", "MailSessions", "MailCapture"],
    path: "Tests/Fuzz/Sources",
    // The harness itself is not what is explored: no coverage of it.
    swiftSettings: [.treatAllWarnings(as: .error), .unsafeFlags(["-sanitize=address"])],
    linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])])

let package = Package(
    name: "mailproxy",
    products: [.executable(name: "mailproxy", targets: ["MailProxy"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
    ],
    targets: [
        // System libraries and the few C lines that Swift cannot say.
        .systemLibrary(name: "CPcap", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(
            name: "CBytes", cSettings: fuzzes ? [.unsafeFlags(["-fsanitize=fuzzer-no-link,address"])] : []),
        .target(
            name: "CCharset", cSettings: fuzzes ? [.unsafeFlags(["-fsanitize=fuzzer-no-link,address"])] : []),
        .target(name: "CLinux"),

        // Pure: bytes and events in, values out.
        module("MailMessage", ["CBytes", "CCharset"]),
        module("MailDialogue", ["CBytes", "CZlib", "MailMessage", crypto]),
        module("MailRecording", ["CBytes", "MailDialogue", "MailMessage", crypto]),
        module("MailRules", ["MailDialogue", "MailMessage", "Yams"]),
        module("MailSessions", ["MailDialogue", "MailRecording", "MailRules", "MailMessage", crypto]),
        module("MailAudit", ["MailDialogue", "MailRecording", "MailMessage"]),
        module("Replay", ["MailDialogue", "MailRecording", "MailSessions", "MailMessage", crypto]),

        // Files, packets, sockets.
        module("MailCompression", ["CBytes", "CZlib", "CZstd", "CLinux"]),
        module(
            "MailStore",
            [
                "MailSessions", "MailRecording", "MailRules", "MailDialogue", "MailMessage", "MailCompression",
                "CSQLite", "CLinux", crypto,
            ]),
        module(
            "MailCapture",
            ["MailSessions", "MailRecording", "MailDialogue", "MailCompression", "CPcap", "CLinux", crypto]),
        module("MailTLS", ["COpenSSL", "CLinux"]),
        module(
            "MailRuntime",
            ["MailSessions", "MailRecording", "MailRules", "MailDialogue", "MailTLS", "Replay", "CLinux"]),

        .executableTarget(
            name: "MailProxy",
            dependencies: [
                "MailMessage", "MailDialogue", "MailRecording", "MailRules", "MailSessions", "MailAudit", "Replay",
                "MailStore", "MailCapture", "MailTLS", "MailRuntime", "Yams", crypto,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        // Benchmarks of the core; `make bench` runs them.
        .target(name: "CAllocations", path: "Benchmarks/CAllocations"),
        .executableTarget(
            name: "core-bench", dependencies: ["MailDialogue", "MailMessage", "CBytes", "CAllocations"],
            path: "Benchmarks/CoreBench", swiftSettings: strict),

        .target(name: "TestSupport", path: "Tests/Support", swiftSettings: strict),
        tests("MailMessage"),
        tests("MailDialogue", ["CBytes", "CZlib", "MailMessage"]),
        tests("MailRecording", ["MailDialogue", "MailMessage", crypto]),
        tests("MailRules", ["MailDialogue"]),
        tests("MailSessions", ["MailDialogue", "MailRecording", "MailRules"]),
        tests("MailAudit", ["MailDialogue", "MailRecording", "MailMessage", "MailSessions"]),
        tests("Replay", ["MailDialogue", "MailSessions"]),
        tests("MailCompression", ["CLinux", "CZlib"]),
        tests("MailStore", ["MailSessions", "MailRecording", "MailRules", "MailDialogue", "MailCompression", crypto]),
        tests("MailCapture", ["MailRecording", "MailDialogue", "MailSessions", crypto]),
        tests("MailTLS"),
        tests("MailRuntime", ["MailDialogue", "MailSessions", "MailTLS", "CLinux"]),
        tests("MailProxy", ["MailAudit", "MailCapture", "MailRecording", "MailDialogue"]),
    ] + (fuzzes ? [fuzzer] : []),
    swiftLanguageModes: [.v6]
)
