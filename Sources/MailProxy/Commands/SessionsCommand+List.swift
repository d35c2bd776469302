// `mailproxy sessions list`: sessions, as many as are wanted and in the order that is wanted, counted, or by what they have in common.

import ArgumentParser
import Glibc
import MailRecording
import MailRules
import MailStore

extension SessionOrder.Key: ExpressibleByArgument {}
extension SessionGroup.Key: ExpressibleByArgument {}

/// A time on the command line: RFC 3339, a date, or a span before now.
struct TimeArgument {
    /// Microseconds since 1970.
    let time: Int64

    init(_ argument: String) throws {
        if let time = Timestamp.read(argument) {
            self.time = time
            return
        }
        let digits = argument.prefix { $0.isNumber || $0 == "." }
        let unit = argument.dropFirst(digits.count).drop { $0 == " " }
        guard let unit = Unit(rawValue: String(unit)), unit.isTime,
            let span = Quantity.value(String(digits), unit: unit)
        else {
            throw ValidationError(
                "'\(InertText.of(argument))' is no time; give 2026-11-23T08:00Z, 2026-11-23, or a span before now such as 2h"
            )
        }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        time = (Int64(now.tv_sec) &* 1_000_000 &+ Int64(now.tv_nsec) / 1_000) &- Int64(span)
    }
}

struct SessionsList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List sessions, one a line.",
        discussion: """
            A time is RFC 3339 (2026-11-23T08:00Z), a date, or a span before now (2h, 30min, 7d). To turn pages back, give the \
            first session of a page with --before.
            """)

    @Argument(help: "Recordings or captures.") var paths: [String] = []
    @OptionGroup var place: SessionPlace
    @Flag(help: "One JSON line a session.") var json = false
    @Option(help: "Only so many sessions: the last by their start, or with --sort the first in that order.") var limit:
        Int?
    @Option(help: "Only sessions that began then or later.", transform: TimeArgument.init) var since: TimeArgument?
    @Option(help: "Only sessions that began before then.", transform: TimeArgument.init) var until: TimeArgument?
    @Option(help: ArgumentHelp("Only sessions that stand before this one.", valueName: "id")) var before: String?
    @Option(help: "The order; numbers the largest first.") var sort: SessionOrder.Key?
    @Flag(help: "The other way round.") var reverse = false
    @Flag(help: "Only how many there are.") var count = false
    @Option(help: "How many there are by what they have in common.") var by: SessionGroup.Key?

    func validate() throws {
        if let limit, limit < 0 { throw ValidationError("--limit must not be negative") }
        if count, by != nil { throw ValidationError("--count and --by: one of them") }
        if count || by != nil, sort != nil || reverse {
            throw ValidationError("--sort and --reverse order sessions, and none are shown")
        }
        if before != nil, sort != nil || reverse { throw ValidationError("--before turns pages by the start alone") }
        if count, limit != nil { throw ValidationError("--count counts all; leave --limit out") }
    }

    func run() throws {
        let catalog = try place.catalog(paths)
        var search = catalog.search()
        search.since = since?.time
        search.until = until?.time
        if let before {
            guard
                let session = try SessionCatalog(paths: paths, recordDirectory: place.recordDir, filter: nil)
                    .sessions(beginning: before).first(where: { $0.summary.info.id == before })
            else { throw CLIError.usage("--before \(InertText.of(before)): there is no such session") }
            search.before = (session.summary.info.start, session.summary.info.id)
        }
        var out = StandardOutput()
        if count {
            let count = try catalog.count(search)
            try out.write(json ? "{\"sessions\":\(count)}\n" : "\(count)\n")
        } else if let by {
            var groups = try catalog.groups(search, by: by)
            if let limit { groups = Array(groups.prefix(limit)) }
            if json {
                for group in groups { try out.write(GroupTable.json(group, by: by) + "\n") }
            } else {
                try out.write(GroupTable.text(groups, by: by))
            }
        } else if try !list(catalog, search, &out) {
            let spans = [("--since", since != nil), ("--until", until != nil), ("--before", before != nil)]
            Console.error(catalog.nothing(spans.filter(\.1).map(\.0)))
        }
        try out.flush()
        try endSessions()
    }

    /// False when there is none.
    private func list(_ catalog: SessionCatalog, _ wanted: SessionSearch, _ out: inout StandardOutput) throws -> Bool {
        var search = wanted
        var table = SessionTable()
        var shown = 0
        func show(_ summary: SessionSummary) throws {
            shown += 1
            if json {
                try out.write(SessionJSON.line(summary) + "\n")
            } else {
                try table.add(summary, to: &out)
            }
        }
        if limit == 0 { return true }
        if sort == nil, let limit {
            // The last of them, which are shown as they came.
            search.order = SessionOrder(descending: !reverse)
            var last: [SessionSummary] = []
            try catalog.each(search) {
                last.append($0.summary)
                return last.count < limit
            }
            for summary in reverse ? last : last.reversed() { try show(summary) }
        } else {
            let key = sort ?? .start
            let isDescending: Bool =
                switch key {
                case .start, .user, .client, .server, .end, .mailProtocol: reverse
                case .duration, .bytes, .exchanges, .messages, .credentials, .violations: !reverse
                }
            search.order = SessionOrder(key, descending: isDescending)
            try catalog.each(search) {
                try show($0.summary)
                return limit.map { shown < $0 } ?? true
            }
        }
        if !json, shown > 0 { try table.finish(&out) }
        return json || shown > 0
    }
}
