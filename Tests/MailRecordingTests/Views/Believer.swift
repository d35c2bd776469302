// Plays sessions, line by line, to a book of mailboxes.

import MailDialogue
import MailRecording

/// Sessions that are told to a book.
struct Believer {
    var book: BeliefBook
    private var taps: [String: (tap: MailTap, info: SessionInfo)] = [:]
    /// Seconds; each line takes one.
    var time: Int64 = 0

    init(until seconds: Int64? = nil, user: String? = nil, server: String? = nil) {
        book = BeliefBook(until: seconds.map { $0 * 1_000_000 } ?? .max, user: user, server: server)
    }

    mutating func open(_ id: String, _ mailProtocol: MailProtocol = .imap, server: UInt32 = 0x0A00_0002) {
        taps[id] = (
            mailProtocol.makeTap(),
            SessionInfo(
                id: id, mailProtocol: mailProtocol, start: time * 1_000_000,
                client: SocketAddress(ip: .v4(0x0A00_0001), port: 40_000),
                server: SocketAddress(ip: .v4(server), port: 143), route: "test")
        )
    }

    mutating func say(_ id: String, _ side: Side, _ octets: [UInt8]) {
        guard var session = taps.removeValue(forKey: id) else { return }
        var notes: [Note] = []
        time += 1
        session.tap.receive(octets[...], from: side, into: &notes)
        taps[id] = session
        book.accept(notes, [], of: session.info, at: time * 1_000_000)
    }

    /// Plays `C: ` and `S: ` lines.
    mutating func play(_ id: String, _ lines: [String]) {
        for line in lines { say(id, line.hasPrefix("C") ? .client : .server, Array((line.dropFirst(3) + "\r\n").utf8)) }
    }

    /// Logs in and opens a folder.
    mutating func begin(_ id: String, _ folder: String = "INBOX", exists: Int, validity: Int = 7) {
        open(id)
        play(
            id,
            [
                "S: * OK hi", "C: a LOGIN you secret", "S: a OK in", "C: b SELECT \(folder)", "S: * \(exists) EXISTS",
                "S: * OK [UIDVALIDITY \(validity)] ok", "S: b OK [READ-WRITE] selected",
            ])
    }

    mutating func lose(_ id: String, _ side: Side) {
        guard var session = taps.removeValue(forKey: id) else { return }
        var notes: [Note] = []
        session.tap.lose(side, 100, into: &notes)
        taps[id] = session
        book.accept(notes, [], of: session.info, at: time * 1_000_000)
    }

    mutating func close(_ id: String, _ end: SessionEnd = .closed) {
        guard let session = taps.removeValue(forKey: id) else { return }
        var summary = SessionSummary(info: session.info)
        summary.end = end
        book.accept([], [.closed(summary)], of: session.info, at: time * 1_000_000)
    }

    func pictures() -> [MailboxPicture] {
        var book = book
        book.settle()
        return book.pictures()
    }

    func folder(_ name: String = "INBOX") -> PicturedFolder? {
        pictures().first?.folders.first { $0.folder.name == name }
    }

    /// `uid flags`, a line a message; `-` for what was not told.
    func rows(_ name: String = "INBOX") -> [String] {
        (folder(name)?.messages ?? []).map { one in
            let uid = one.message.uidl ?? (one.message.uid == 0 ? "#\(one.number ?? 0)" : "\(one.message.uid)")
            let flags = one.flags?.joined(separator: ",") ?? "-"
            return "\(uid) \(flags)\(one.message.flagsAreInferred ? "?" : "")"
        }
    }

    var names: [String] { pictures().first?.folders.map(\.folder.name) ?? [] }
}
