// How captures are read, whichever command reads them.

import ArgumentParser
import MailCapture
import MailRecording

extension OverlapPolicy: ExpressibleByArgument {}

/// Options of all commands that read captures.
struct ReadingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Open the TLS of captures with the secrets in this file, as SSLKEYLOGFILE has programs write them.",
            valueName: "file"))
    var keylog: String?
    @Option(
        help: ArgumentHelp(
            "Where the same octets came twice and differ: take the copy that came first, or last.",
            valueName: "first|last"))
    var overlap = OverlapPolicy.first

    /// What is done with segments whose checksum is wrong.
    enum Checksums: String, ExpressibleByArgument, CaseIterable {
        case auto, verify, ignore

        var policy: ChecksumPolicy {
            switch self {
            case .auto: .auto
            case .verify: .verify
            case .ignore: .ignore
            }
        }
    }

    @Option(
        help: ArgumentHelp(
            "Segments with a wrong checksum: left out where their sender has right ones and the receiver did not take them (auto), always (verify), or never (ignore).",
            valueName: "policy"))
    var checksums = Checksums.auto

    /// The files that these options name: no output takes their place.
    var files: [String] { [keylog].compactMap { $0 } }

    /// What the key log holds; nil without one.
    func keys() throws -> TLSKeyLog? { try keylog.map { try KeyLogFile.read($0) } }

    /// The key log of a live capture, which is read on; nil without one.
    func growingKeys() throws -> GrowingKeyLog? { try keylog.map { try GrowingKeyLog($0) } }
}
