// POP3 command lines: verbs, arguments, the shape of the reply.

import Testing

@testable import MailDialogue

@Suite struct POP3CommandTests {
    private func command(_ text: String) -> POP3Command { POP3Command(Array(text.utf8)[...]) }

    @Test func verbs() {
        for verb in POP3Command.Verb.allCases {
            #expect(command(verb.rawValue.lowercased()).verb == verb)
        }
        #expect(command("XTND").verb == nil)
        #expect(command("").verb == nil)
        #expect(command("LISTX").verb == nil)
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
        ("XTND", .line),
    ])
    func shapes(_ line: String, _ shape: POP3Command.ReplyShape) { #expect(command(line).shape == shape) }

    @Test(arguments: [
        ("+OK", POP3Status.ok), ("+ok x", .ok), ("-ERR x", .error), ("-err", .error), ("+", .challenge),
        ("+ abc", .challenge), ("+x", .none), ("", .none), ("-ER", .none), ("OK", .none),
    ])
    func statuses(_ line: String, _ status: POP3Status) { #expect(POP3Status(Array(line.utf8)[...]) == status) }
}
