// The two files of a session in Dovecot's form: what the server got, and what it sent.

import MailDialogue
import MailRecording

/// Gathers both directions of a session.
final class RawlogPair {
    private let client: Spill
    private let server: Spill
    private var clientLines = RawlogLines()
    private var serverLines = RawlogLines()
    private var lines: [UInt8] = []

    /// - Parameter directory: where the files will be.
    init(in directory: String) {
        client = Spill(in: directory)
        server = Spill(in: directory)
    }

    /// The next octets of a side.
    func append(_ octets: ArraySlice<UInt8>, from side: Side, at time: Int64) throws {
        lines.removeAll(keepingCapacity: true)
        switch side {
        case .client:
            clientLines.append(octets, at: time, to: &lines)
            try client.append(lines[...])
        case .server:
            serverLines.append(octets, at: time, to: &lines)
            try server.append(lines[...])
        }
    }

    /// Both become files.
    func publish(as stem: String, replaces: Bool) throws -> [String] {
        try client.publish(as: stem + ".in", replaces: replaces)
        try server.publish(as: stem + ".out", replaces: replaces)
        return [stem + ".in", stem + ".out"]
    }
}
