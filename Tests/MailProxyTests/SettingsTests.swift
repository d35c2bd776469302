// Settings from files, variables and assignments: what wins, and what is said of mistakes.

import Glibc
import Testing

@testable import MailProxy

@Suite struct SettingsTests {
    /// Reads a configuration file of this text; gives the settings, or the message without the file's name.
    private func read(_ text: String) throws -> (settings: Settings, complaint: String?) {
        var name = Array("\(Defaults.environment("TMPDIR") ?? "/tmp")/mailproxy-settings-XXXXXX".utf8CString)
        let descriptor = mkstemp(&name)
        try #require(descriptor >= 0)
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            close(descriptor)
            unlink(path)
        }
        let octets = Array(text.utf8)
        try #require(write(descriptor, octets, octets.count) == octets.count)
        var settings = Settings()
        do {
            try settings.read(file: path)
            return (settings, nil)
        } catch let error as CLIError {
            #expect(error.exit == 2)
            #expect(!error.message.contains("\n"))
            return (settings, error.message.replacing(path, with: "file"))
        }
    }

    @Test func tabsAreNamed() throws {
        for text in ["record:\n\tdir: x\n", "record:\n  \tdir: x\n", "\trecord: {}\n"] {
            let complaint = try read(text).complaint ?? "none"
            #expect(complaint.contains("a tab; lines are indented with spaces"), "\(complaint)")
        }
        #expect(try read("record: {dir:\t/x}\n").settings.text("record.dir") == "/x")
    }

    /// SIGHUP must know a file that somebody is writing.
    @Test func filesWithoutAWordAreBlank() throws {
        for text in ["", "\n", "# nothing\n"] { #expect(try read(text).settings.isBlank) }
        for text in ["{}", "record: {}\n"] { #expect(try !read(text).settings.isBlank) }
    }

    @Test func valuesOfAFile() throws {
        let settings = try read(
            "routes:\n  - smtp://127.0.0.1:2525=fallback\nrecord:\n  enabled: false\n  dir: /evidence\nthreads: 3\n"
        ).settings
        #expect(settings.list("routes") == ["smtp://127.0.0.1:2525=fallback"])
        #expect(settings.flag("record.enabled") == false)
        #expect(settings.text("record.dir") == "/evidence")
        #expect(settings.number("threads") == 3)
        #expect(settings.text("data.dir") == nil)
    }

    @Test(arguments: [
        ("record:\n  dri: x\n", "file:2:3: unknown key 'record.dri'; did you mean 'record.dir'?"),
        ("threads: 1.5\n", "file:1:10: 'threads' must be a number from 1 to 256, not '1.5'"),
        ("threads: 1\nthreads: 2\n", "file:1:1: the key threads stands twice"),
        ("- a\n", "file:1:1: the file must hold keys with values, such as 'record:'"),
        ("record: x\n", "file:1:9: 'record' must hold keys with values"),
        ("routes: x\n", "file:1:9: 'routes' must be a list, each line with '- '"),
        ("log:\n  level: [a]\n", "file:2:10: 'log.level' must be a single value"),
    ])
    func mistakesAreNamedWithTheirPlace(_ text: String, _ complaint: String) throws {
        #expect(try read(text).complaint == complaint)
    }

    /// Routes as keys are the routes in one line.
    @Test func routesAsKeys() throws {
        let settings = try read(
            """
            routes:
              - imap://127.0.0.1:1143=fallback
              - listen: {url: "imaps://127.0.0.1:1993", cert: [a.pem, b.pem], key: [a.key, b.key], tls-min: 1.2}
                upstream:
                  - url: imaps://a.example.com
                    verify: off
                    for: [a.example.com, "*.b.example.com"]
                  - fallback
              - listen: imap://127.0.0.1:1144?tls-wait=250
                upstream: {url: imap://mail.example.com?tls=starttls, sni: imap.example.com}

            """
        ).settings
        #expect(
            settings.list("routes") == [
                "imap://127.0.0.1:1143=fallback",
                "imaps://127.0.0.1:1993?cert=a.pem&cert=b.pem&key=a.key&key=b.key&tls-min=1.2="
                    + "imaps://a.example.com?verify=off&for=a.example.com,*.b.example.com,fallback",
                "imap://127.0.0.1:1144?tls-wait=250=imap://mail.example.com?tls=starttls&sni=imap.example.com",
            ])
        #expect(try settings.routes().count == 3)
        #expect(settings.place(of: settings.list("routes")[1], in: "routes").hasSuffix(":3:5: "))
    }

    @Test(arguments: [
        ("- {listen: \"imap://127.0.0.1\"}", "file:2:3: a route has both 'listen' and 'upstream'"),
        ("- {lisen: a, upstream: b}", "file:2:4: a route has the keys 'listen' and 'upstream'"),
        ("- {listen: {cert: a}, upstream: b}", "file:2:12: 'url' is missing, such as imap://mail.example.com"),
        ("- {listen: {url: a, cert: \"a&b\"}, upstream: b}", "file:2:27: '&' cannot stand in an option"),
        ("- {listen: {url: a, cert: {}}, upstream: b}", "file:2:27: this must be text"),
        ("- [a]", "file:2:3: an entry of 'routes' must be text, or have keys"),
    ])
    func routesAsKeysWithMistakes(_ entry: String, _ complaint: String) throws {
        #expect(try read("routes:\n\(entry)\n").complaint == complaint)
    }

    /// What a meaning says of the default is what holds.
    @Test func meaningsSayTheDefault() {
        for setting in Setting.all {
            guard let said = setting.meaning.split(separator: "(default ", maxSplits: 1).dropFirst().first else {
                continue
            }
            let word = said.prefix { $0 != ")" && $0 != ":" && $0 != ";" && $0 != "," }
            #expect(setting.standard == [String(word)], "\(setting.key)")
        }
    }

    @Test func originsAreKnown() throws {
        var settings = try read("log:\n  level: debug\nthreads: 2\n").settings
        try settings.set(assignment: "threads=3")
        #expect(settings.origins["log.level"]?.hasSuffix(":2:10") == true)
        #expect(settings.origins["threads"] == "flag" && settings.origins["log.format"] == nil)
        #expect(
            settings.place(of: "3", in: "threads") == ""
                && settings.place(of: "debug", in: "log.level").hasSuffix(":2:10: "))
    }

    @Test func sectionsWithoutLinesAndEmptyFilesAreNoMistakes() throws {
        #expect(try read("").complaint == nil)
        #expect(try read("record:\n  # dir: /evidence\n").complaint == nil)
    }

    @Test func laterAssignmentsWin() throws {
        var settings = Settings()
        try settings.set(assignment: "log.level=debug")
        try settings.set(assignment: "log.level=error")
        try settings.set(assignment: "rules=a")
        try settings.set(assignment: "rules=b=c")
        #expect(settings.text("log.level") == "error")
        #expect(settings.list("rules") == ["a", "b=c"])
        #expect(throws: CLIError.self) { try settings.set(assignment: "log.level") }
        #expect(throws: CLIError.self) { try settings.set(assignment: "log.level=loud") }
        #expect(throws: CLIError.self) { try settings.set(assignment: "log.levle=info") }
    }

    @Test func everySettingHasAVariableOfItsOwn() {
        #expect(Set(Setting.all.map(\.variable)).count == Setting.all.count)
        #expect(Setting.named("record.segment-size")?.variable == "MAILPROXY_RECORD_SEGMENT_SIZE")
        #expect(Setting.nearest(to: "log.levle") == "log.level")
        #expect(Setting.nearest(to: "something-else-entirely") == nil)
    }

    @Test func controlsOfPeersAreShownInert() {
        #expect(Shown.inert("a\u{1B}[2J\nb\u{202E}c\u{9B}é") == "a\\u{1b}[2J\\u{a}b\\u{202e}c\\u{9b}é")
    }
}
