// `mailproxy sessions mailbox`: the mailbox as its client believed it to be at a moment. Docs/Views.md says what is taken from where.

import ArgumentParser
import MailCapture
import MailRecording

struct SessionsMailbox: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mailbox", abstract: "Show mailboxes as their clients believed them to be at a moment.",
        discussion: """
            Folders, UIDs, flags, sizes, envelopes and messages, as far as IMAP and POP3 sessions up to then told of them; what was not told \
            is '-'. --maildir writes the mailbox of one user as Maildir, with the messages that were seen whole. A time is RFC 3339 \
            (2026-11-23T08:00:15.250Z), a date, or a span before now (2h).
            """)

    @Argument(help: "Recordings or captures.") var paths: [String] = []
    @OptionGroup var place: SessionPlace
    @Option(help: "The moment; the end of what is read when none is given.", transform: TimeArgument.init)
    var at: TimeArgument?
    @Option(help: "Only the mailbox of this user.") var user: String?
    @Option(help: ArgumentHelp("Only mailboxes at this server.", valueName: "host[:port]")) var server: String?
    @Option(help: "Only this folder is shown.") var folder: String?
    @Option(help: "Messages that are shown of a folder, the last ones.") var limit = 200
    @Option(help: ArgumentHelp("Write the mailbox to this directory as Maildir.", valueName: "directory"))
    var maildir: String?
    @Flag(help: "One JSON line each: accounts, their folders, their messages.") var json = false

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit must not be negative") }
        if maildir != nil, folder != nil { throw ValidationError("--maildir writes all folders; leave --folder out") }
    }

    func run() throws {
        let catalog = try place.catalog(paths)
        var book = BeliefBook(until: at?.time ?? Int64.max, user: user, server: server)
        var search = catalog.search()
        if try catalog.isIndexed, !catalog.paths.isEmpty {
            // Only sessions that can have told of it are read.
            search.until = at.map { $0.time &+ 1 }
            let wanted = book
            try catalog.readSteps(
                search,
                where: { summary in
                    wanted.wants(summary.info) && (user == nil || summary.user == nil || summary.user == user)
                }
            ) { book.accept($0.notes, $0.events, of: $0.info, at: $0.time) }
        } else {
            try catalog.readSteps(search) { book.accept($0.notes, $0.events, of: $0.info, at: $0.time) }
        }
        book.settle()
        let pictures = book.pictures()
        if book.accountsNotKept > 0 {
            Console.error("\(Figures.count(book.accountsNotKept, "session")) of further accounts; name one with --user")
        }
        guard !pictures.isEmpty else {
            let whose = user.map { " of \($0)" } ?? ""
            let before = at.map { " up to \(Timestamp.rfc3339($0.time))" } ?? ""
            let text = "no mailbox\(whose) was opened in \(catalog.names)\(before)"
            if maildir != nil { throw CLIError.usage(text) }
            Console.error(text)
            return try endSessions()
        }
        if let maildir { try write(pictures, to: maildir, catalog) } else { try show(pictures) }
        try endSessions()
    }

    private func show(_ pictures: [MailboxPicture]) throws {
        var out = StandardOutput()
        for (place, picture) in pictures.enumerated() {
            let picture = folder.map { name in picture.keeping { $0.folder.name == name } } ?? picture
            let time = at?.time ?? picture.last
            if json {
                try MailboxRendering.lines(picture, at: time) { try out.write($0 + "\n") }
            } else {
                if place > 0 { try out.write("\n") }
                try out.write(MailboxRendering.text(picture, at: time, most: limit))
            }
        }
        try out.flush()
    }

    private func write(_ pictures: [MailboxPicture], to directory: String, _ catalog: SessionCatalog) throws {
        guard pictures.count == 1, let picture = pictures.first else {
            let some = pictures.prefix(5).map {
                "\($0.account.user.isEmpty ? "(unknown user)" : $0.account.user) at \($0.account.host) over \($0.account.mailProtocol.rawValue)"
            }
            throw CLIError.usage(
                "--maildir writes one mailbox, and here are \(pictures.count): \(some.joined(separator: ", "))"
                    + "\(pictures.count > 5 ? ", …" : ""); choose with --user, --server or --filter 'imap'")
        }
        let mailbox = try MailboxMaildir(directory, picture)
        if !mailbox.sessions.isEmpty { try catalog.read(mailbox.sessions) { try mailbox.accept($0) } }
        try mailbox.finish()
        let outcome = mailbox.outcome
        let unknown = picture.folders.reduce(0) { $0 + $1.unknown }
        if json {
            var writer = JSONWriter()
            writer.object { json in
                json.member("directory", directory)
                json.member("user", picture.account.user)
                json.member("at", time: at?.time ?? picture.last)
                json.member("folders", picture.folders.count)
                json.member("written", outcome.written)
                json.member("not_seen", outcome.notSeen)
                json.member("not_known", unknown)
            }
            print(writer.text)
        } else {
            print(
                "\(Figures.count(outcome.written, "message")) in \(Figures.count(picture.folders.count, "folder")) to \(directory)"
            )
            if outcome.notSeen > 0 {
                print("\(Figures.count(outcome.notSeen, "message")) not written: not seen whole")
            }
            if unknown > 0 {
                print("\(Figures.count(unknown, "message")) not written: nothing was told but that they are there")
            }
        }
        for remark in MailboxRendering.remarks(picture) { Console.error(remark) }
    }
}
