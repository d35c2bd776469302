// `mailproxy sessions trace`: one message through submission, queue, delivery and retrieval. Docs/Views.md says what is compared.

import ArgumentParser
import MailCapture
import MailRecording

struct SessionsTrace: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Follow one message through all sessions in which it passed.",
        discussion: """
            Each passage in SMTP, LMTP, POP3 and IMAP is a station: when and between whom, the envelope with the server's verdicts, size and \
            digests, how long after the last one, and what changed on the way. Below stands what was refused, lost, doubled or changed. The \
            id is the value of Message-ID, with or without its angle brackets.
            """)

    @Argument(help: ArgumentHelp("The Message-ID.", valueName: "message-id")) var id: String
    @Argument(help: "Recordings or captures.") var paths: [String] = []
    @OptionGroup var place: SessionPlace
    @Option(help: "Only sessions that began then or later.", transform: TimeArgument.init) var since: TimeArgument?
    @Option(help: "Only sessions that began before then.", transform: TimeArgument.init) var until: TimeArgument?
    @Flag(help: "One JSON line a station, then one for each remark.") var json = false

    func run() throws {
        var trace = MessageTrace(id: id)
        guard !trace.id.isEmpty else { throw CLIError.usage("which message? give the value of its Message-ID") }
        let catalog = try place.catalog(paths)
        var search = catalog.search()
        search.since = since?.time
        search.until = until?.time
        try catalog.readSteps(search, withMessage: trace.id) {
            trace.accept($0.notes, $0.events, of: $0.info, at: $0.time)
        }
        trace.finish()
        guard !trace.stations.isEmpty else {
            try endSessions()
            throw CLIError.usage("no message with the Message-ID <\(InertText.of(trace.id))> in \(catalog.names)")
        }
        var out = StandardOutput()
        if json {
            for line in TraceRendering.lines(trace) { try out.write(line + "\n") }
        } else {
            try out.write(TraceRendering.text(trace))
        }
        try out.flush()
        try endSessions()
    }
}
