// What a client may not say where the upstream believes us who it is.

import MailDialogue
import MailRules
import Testing

@testable import MailSessions

struct ImpostorRulesTests {
    private func isRefused(_ mailProtocol: MailProtocol, _ line: String) -> Bool {
        var facts = RuleFacts(mailProtocol: mailProtocol, clientAddress: "192.0.2.1", route: "")
        facts.command = String(line.split(separator: " ")[0]).uppercased()
        facts.line = line
        return ImpostorRules.before(RuleSet()).judge(.command, facts).reject != nil
    }

    @Test func theyAreThree() { #expect(ImpostorRules.rules.count == 3) }

    @Test(arguments: ["XCLIENT ADDR=192.0.2.1", "xclient NAME=x", "XFORWARD ADDR=192.0.2.1"])
    func ofSMTP(_ line: String) {
        #expect(isRefused(.smtp, line))
        #expect(isRefused(.lmtp, line))
    }

    @Test func ofPOP3() { #expect(isRefused(.pop3, "XCLIENT ADDR=192.0.2.1")) }

    @Test(arguments: [
        #"ID ("x-originating-ip" "192.0.2.1")"#, #"ID ("name" "x" "X-Connected-IP" "192.0.2.1")"#,
        #"ID (x-originating-port 7)"#, #"ID ("x\-originating-ip" "192.0.2.1")"#, "ID ({16}", "ID ({16+}",
        #"ID ("x-proxy-ttl" "1")"#, #"ID ("x-session-id" "a")"#, #"ID ("x-forward-a" "a")"#,
    ])
    func ofIMAP(_ line: String) { #expect(isRefused(.imap, line)) }

    @Test func othersPass() {
        #expect(!isRefused(.imap, "ID NIL"))
        #expect(!isRefused(.imap, #"ID ("name" "mutt" "version" "2.2" "os" "Linux")"#))
        #expect(!isRefused(.imap, "LOGIN x-originating-ip {4}"))
        #expect(!isRefused(.smtp, "EHLO xclient"))
        #expect(!isRefused(.imap, "XCLIENT"))
    }
}
