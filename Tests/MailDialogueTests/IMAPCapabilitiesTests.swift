// Capabilities by name, and the states in which each command is allowed.

import Testing

@testable import MailDialogue

@Suite struct IMAPCapabilitiesTests {
    private func octets(_ text: String) -> ArraySlice<UInt8> { Array("..\(text)".utf8)[2...] }

    @Test func names() {
        #expect(IMAPCapabilities(name: octets("imap4REV1")) == .rev1)
        #expect(IMAPCapabilities(name: octets("THREAD=REFERENCES")) == .thread)
        #expect(IMAPCapabilities(name: octets("QUOTA=RES-STORAGE")) == .quota)
        #expect(IMAPCapabilities(name: octets("APPENDLIMIT=5")) == .appendLimit)
        #expect(IMAPCapabilities(name: octets("MESSAGELIMIT=5")) == .messageLimit)
        #expect(IMAPCapabilities(name: octets("LITERAL+")) == .literalPlus)
        for name in ["", "X-NEW", "THREADS", "=", "THREAD", "IMAP4", "COMPRESS=OTHER"] {
            #expect(IMAPCapabilities(name: octets(name)) == .others, "\(name)")
        }
    }

    @Test func aList() {
        let list = IMAPCapabilityList(octets("IMAP4rev1  AUTH=PLAIN auth=XOAUTH2 AUTH=NEW IDLE X-NEW "))
        #expect(list.capabilities == [.rev1, .idle, .others])
        #expect(
            list.mechanisms == [
                IMAPMechanisms(name: octets("plain")), IMAPMechanisms(name: octets("XOAUTH2")), .others,
            ])
        #expect(IMAPMechanisms(name: octets("PLAIN")) != IMAPMechanisms(name: octets("LOGIN")))
        #expect(IMAPCapabilityList(octets("")).capabilities.isEmpty)
    }

    @Test func theSecondRevisionHasParts() {
        let both: IMAPCapabilities = [.rev1, .rev2]
        #expect(both.offers(.idle) && both.offers([.literalPlus, .literalMinus]) && both.offers([]))
        #expect(!both.offers(.compress))
        #expect(!IMAPCapabilities.rev1.offers(.idle))
    }

    /// The table of RFC 9051 §3 and §6: the commands of each group, and no other.
    @Test func statesOfCommands() {
        var expected: [IMAPVerb: IMAPVerb.States] = [:]
        for verb: IMAPVerb in [.unknown, .capability, .noop, .id, .logout, .compress, .language] {
            expected[verb] = .any
        }
        for verb: IMAPVerb in [.starttls, .authenticate, .login] { expected[verb] = .notAuthenticated }
        for verb: IMAPVerb in [
            .close, .unselect, .check, .expunge, .fetch, .store, .search, .sort, .thread, .copy, .move, .replace,
            .convert,
            .uidFetch, .uidStore, .uidSearch, .uidSort, .uidThread, .uidCopy, .uidMove, .uidExpunge, .uidReplace,
            .uidConvert, .cancelupdate, .uidbatches,
        ] { expected[verb] = .selected }
        for verb in IMAPVerb.allCases {
            #expect(verb.traits.states == expected[verb] ?? .loggedIn, "\(verb)")
        }
    }

    @Test func everyVerbIsFoundByItsName() {
        for verb in IMAPVerb.allCases where verb != .unknown {
            let command = IMAPCommand(octets("t \(verb.name.lowercased()) rest"))
            #expect(command.code == verb && command.verb == verb.name && command.arguments.text == "rest")
        }
        for text in ["t", "t ", "t UID", "t UID NOOP", "t FETCHES", "t UIDFETCH", "t \u{e9}"] {
            #expect(!IMAPCommand(octets(text)).isKnown, "\(text)")
        }
    }

    @Test func everyKeywordIsFoundByItsName() {
        for keyword in IMAPKeyword.allCases where keyword != .unknown {
            #expect(IMAPKeyword.find(octets(keyword.name.lowercased())) == keyword)
        }
        #expect(IMAPKeyword.find(octets("UNKNOWN")) == .unknown)
    }
}
