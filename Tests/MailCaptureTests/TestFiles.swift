// Files and processes for the tests of this module.

import Foundation
import MailRecording

/// A directory that goes with the value.
final class Scratch {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("mailproxy-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ octets: [UInt8], _ name: String) throws -> String {
        let file = path + "/" + name
        try Data(octets).write(to: URL(fileURLWithPath: file))
        return file
    }
}

/// The folder of captures by others: `MAILPROXY_CASES`, else beside the package.
enum CaseFiles {
    static let root: URL = {
        if let path = ProcessInfo.processInfo.environment["MAILPROXY_CASES"] { return URL(fileURLWithPath: path) }
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/cases")
    }()

    /// All captures in it, by their place.
    static let captures: [String] = {
        let found = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
        return found.filter { $0.hasSuffix(".pcap") || $0.hasSuffix(".pcapng") }.sorted()
    }()
}

/// Runs a program to its end; its output and what it complains of.
func run(_ arguments: [String]) throws -> (status: Int32, output: [UInt8], errors: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    let output = Pipe()
    let errors = Pipe()
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let octets = [UInt8](output.fileHandleForReading.readDataToEndOfFile())
    let complaints = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, octets, complaints)
}
