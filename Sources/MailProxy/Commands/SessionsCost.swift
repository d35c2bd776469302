// `mailproxy sessions cost`: octets, round trips and whose time it took, of what sessions have in common. Docs/Views.md has the definitions.

import ArgumentParser
import MailCapture
import MailRecording
import MailStore

struct SessionsCost: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cost", abstract: "Say what sessions cost: octets, round trips, the server's time, the client's.",
        discussion: """
            Times are milliseconds: to the first octet of a reply, to its last, and until the client went on. --by may be given \
            several times: '--by client --by command' has a line for each command of each client. Without octets (--quick) commands \
            have no octets, round trips or times to the first octet, and what a client says in several steps has no time.
            """)

    @Argument(help: "Recordings or captures.") var paths: [String] = []
    @OptionGroup var place: SessionPlace
    @Option(help: "What is told apart; the command unless something is named.") var by: [SessionGroup.Key] = []
    @Option(help: "Only sessions that began then or later.", transform: TimeArgument.init) var since: TimeArgument?
    @Option(help: "Only sessions that began before then.", transform: TimeArgument.init) var until: TimeArgument?
    @Option(help: "Lines that are shown, those with the most time of the server first.") var limit = 50
    @Option(help: "How many of the slowest exchanges are shown.") var worst = 5
    @Flag(help: "Only what the index of a recording has; no octets are read.") var quick = false
    @Flag(help: "One JSON line each: groups, the total, the slowest.") var json = false

    func validate() throws {
        if limit < 0 || worst < 0 { throw ValidationError("--limit and --worst must not be negative") }
        if worst > 1000 { throw ValidationError("--worst: 1000 at most") }
        if Set(by).count < by.count { throw ValidationError("--by: name each once") }
    }

    func run() throws {
        let catalog = try place.catalog(paths)
        // The command is the last part of a key, whatever the order in which they were named.
        let keys = (by.isEmpty ? [.command] : by).filter { $0 != .command }
        let byCommand = by.isEmpty || by.contains(.command)
        var ledger = CostLedger(byCommand: byCommand, worst: worst)
        func parts(_ summary: SessionSummary) -> [[String]] {
            keys.reduce([[]]) { found, key in
                SessionGroup.keys(of: summary, by: key).flatMap { value in found.map { $0 + [value] } }
            }
        }
        var search = catalog.search()
        search.since = since?.time
        search.until = until?.time
        if quick {
            try catalog.eachWithExchanges(search) { ledger.accept($0.summary, $0.exchanges, keys: parts) }
        } else {
            try catalog.readSteps(search) { batch in
                ledger.accept(batch.notes, batch.events, of: batch.info, at: batch.time, keys: parts)
            }
        }
        if ledger.total.sessions == 0 {
            let spans = [("--since", since != nil), ("--until", until != nil)]
            Console.error(catalog.nothing(spans.filter(\.1).map(\.0)))
        }
        var out = StandardOutput()
        let shown = CostRendering(names: keys.map(\.rawValue) + (byCommand ? ["command"] : []))
        if json {
            for line in shown.lines(ledger, most: limit) { try out.write(line + "\n") }
        } else if ledger.total.sessions > 0 {
            try out.write(
                shown.text(ledger, most: limit) { part, value in
                    guard part < keys.count else { return value }
                    return GroupTable.name(SessionGroup(value), keys[part])
                })
        }
        try out.flush()
        try endSessions()
    }
}
