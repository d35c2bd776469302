// POP3 command lines: verbs, arguments, the shape of the reply; status lines and their response codes.

import Testing

@testable import MailDialogue

@Suite struct POP3CommandTests {
    private func command(_ text: String) -> POP3Command { POP3Command(Array(text.utf8)[...]) }

    @Test func verbs() {
        for verb in POP3Command.Verb.allCases {
            #expect(command(verb.rawValue.lowercased()).verb == verb)
            #expect(command("\0" + verb.rawValue).verb == nil)
        }
        #expect(command("XTND").verb == nil)
        #expect(command("").verb == nil)
        #expect(command("LISTX").verb == nil)
        #expect(command("TO").verb == nil)
        #expect(command("\0TOP 1 1").verb == nil)
    }

    @Test func passTakesTheRestAsItIs() {
        #expect(command("PASS  a b ").rest.text == " a b ")
        #expect(command("PASS").rest.isEmpty)
    }

    @Test(arguments: [
        ("LIST", POP3Command.ReplyShape.listing("LIST")), ("LIST ", .listing("LIST")), ("LIST 1", .line),
        ("uidl", .listing("UIDL")), ("UIDL 2", .line), ("CAPA", .listing("CAPA")), ("CAPA x", .listing("CAPA")),
        ("LANG", .listing("LANG")), ("LANG *", .line), ("AUTH", .listing("AUTH")), ("AUTH PLAIN", .line),
        ("RETR 1", .message(.retr, section: "")), ("TOP 1 20", .message(.top, section: "TOP 20")), ("STAT", .line),
        ("XTND", .line), ("XTND XLST From", .listing("XTND")), ("xtnd xmit", .submission), ("XTND BBOARDS", .line),
    ])
    func shapes(_ line: String, _ shape: POP3Command.ReplyShape) { #expect(command(line).shape == shape) }

    @Test(arguments: [
        ("LIST", POP3Command.Fitness.good), ("LIST 1", .good), ("LIST 1 2", .surplus), ("LIST x", .noNumber),
        ("LIST 0", .zero), ("TOP 1 0", .good), ("TOP 1", .missing), ("TOP", .missing), ("TOP 1 x", .noNumber),
        ("TOP 1 2 3", .surplus), ("RETR -1", .noNumber), ("RETR 1x", .noNumber), ("DELE", .missing),
        ("RETR 99999999999999999999", .noNumber), ("STAT", .good), ("STAT  ", .good), ("STAT 1", .surplus),
        ("PASS", .missing), ("PASS a b c", .good), ("USER", .missing), ("USER a", .good), ("USER a b", .surplus),
        ("APOP a", .missing), ("APOP a b", .good), ("AUTH", .good), ("AUTH PLAIN =", .good), ("AUTH A B C", .surplus),
        ("LANG *", .good), ("LANG i-klingon", .good), ("LANG en_US", .noLanguage), ("LANG -en", .noLanguage),
        ("LANG en-", .noLanguage), ("LANG abcdefghi", .noLanguage), ("XFOO 1 2 3", .good),
    ])
    func arguments(_ line: String, _ fitness: POP3Command.Fitness) { #expect(command(line).fitness == fitness) }

    @Test func aNumberIsOneOfAMessage() {
        #expect(command("RETR 007").number == 7)
        #expect(command("TOP 3 5").number == 3)
        #expect(command("LIST").number == nil)
        #expect(command("USER 7").number == nil)
    }

    @Test(arguments: [
        ("+OK", POP3Status.ok), ("+ok x", .ok), ("-ERR x", .error), ("-err", .error), ("+", .challenge),
        ("+ abc", .challenge), ("+x", .none), ("", .none), ("-ER", .none), ("OK", .none),
    ])
    func statuses(_ line: String, _ status: POP3Status) {
        #expect(POP3Status(Array(line.utf8)[...]) == status)
        #expect(status.length == status.code.utf8.count)
    }

    @Test(arguments: [
        ("[AUTH] no", POP3ResponseCode.Name.auth, true), ("[sys/temp]", .sys, true), ("[SYS/PERM/DISK]", .sys, true),
        ("[SYS]", .sys, false), ("[SYS/OTHER]", .sys, false), ("[IN-USE", .inUse, false),
        ("[LOGIN-DELAY]", .loginDelay, true),
        ("[UTF8]", .utf8, true), ("[X/Y]", .other, true), ("[]", .other, false), ("[X/]", .other, false),
        ("[X Y]", .other, false), ("[", .other, false),
    ])
    func responseCodes(_ text: String, _ name: POP3ResponseCode.Name, _ isWellFormed: Bool) throws {
        let code = try #require(POP3ResponseCode(Array(text.utf8)[...]))
        #expect(code.name == name && code.isWellFormed == isWellFormed)
        #expect(POP3ResponseCode(Array(("no " + text).utf8)[...]) == nil)
    }

    @Test func responseCodesHaveTheirPlaces() throws {
        func mayAnswer(_ text: String, _ accepted: Bool) throws -> [POP3Command.Verb] {
            let code = try #require(POP3ResponseCode(Array(text.utf8)[...]))
            return POP3Command.Verb.allCases.filter { code.mayAnswer($0, accepted: accepted) }
        }
        #expect(try mayAnswer("[AUTH]", false) == [.user, .pass, .apop, .auth])
        #expect(try mayAnswer("[LOGIN-DELAY]", false) == [.user, .pass, .apop, .auth])
        #expect(try mayAnswer("[IN-USE]", false) == [.pass, .apop, .auth])
        #expect(try mayAnswer("[UTF8]", false) == [.list, .retr, .top])
        #expect(try mayAnswer("[SYS/TEMP]", false) == POP3Command.Verb.allCases)
        for text in ["[AUTH]", "[LOGIN-DELAY]", "[IN-USE]", "[UTF8]", "[SYS/TEMP]"] {
            #expect(try mayAnswer(text, true).isEmpty)
        }
        #expect(try mayAnswer("[X]", true) == POP3Command.Verb.allCases)
    }
}
