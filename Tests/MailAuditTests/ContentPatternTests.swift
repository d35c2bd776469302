// What should not stand in messages in clear, and what only looks like it.

import MailRecording
import Testing

@testable import MailAudit

@Suite struct ContentPatternTests {
    private func found(_ name: String, _ text: String) -> String? {
        ContentPattern.builtIn.first { $0.name == name }?.find(text)
    }

    @Test(arguments: [
        ("pay with 4111 1111 1111 1111 today", "************1111"), ("4111-1111-1111-1111", "************1111"),
        ("5500005555555559.", "************5559"), ("amex 378282246310005", "***********0005"),
    ]) func cards(_ text: String, _ shown: String) { #expect(found("card number", text) == shown) }

    @Test(arguments: [
        "4111 1111 1111 1112", "order 4111111111111111x", "1234567890123456", "+49 170 1234567890123",
        "0000000000000000",
        "2024-11-26 17:00:00 10.0.0.1", "id 41111111111111110000",
    ]) func noCards(_ text: String) { #expect(found("card number", text) == nil) }

    @Test func bankAccounts() {
        #expect(found("bank account", "to DE89 3704 0044 0532 0130 00 please") == "DE89******************")
        #expect(found("bank account", "GB82WEST12345698765432") == "GB82******************")
        #expect(found("bank account", "DE89 3704 0044 0532 0130 01") == nil)
        #expect(found("bank account", "NO12") == nil)
    }

    @Test func keysAndPasswords() {
        #expect(found("private key", "x\n-----BEGIN OPENSSH PRIVATE KEY-----\n") != nil)
        #expect(found("private key", "-----BEGIN PUBLIC KEY-----") == nil)
        #expect(found("access key", "key=AKIAIOSFODNN7EXAMPLE ") == "AKIA" + String(repeating: "*", count: 16))
        #expect(found("access key", "AKIA is short") == nil)
        #expect(found("password", "Your password: hunter22x") == "password: *********")
        #expect(found("password", "Das Passwort ist geheim99 und") == "passwort: ********")
        #expect(found("password", "your password is important to us") == nil)
        #expect(found("password", "reset your password: click below") == nil)
    }

    @Test func theyAreFoundInMessagesInClearAlone() throws {
        let card = Said.submission.replacing("C: Hello.", with: "C: My card is 4111 1111 1111 1111.")
        var options = AuditOptions()
        options.patterns = ContentPattern.builtIn
        let finding = try #require(audit(Played(.smtp, card), options: options).finding(.sensitiveContent))
        #expect(
            finding.subjects == ["card number"] && finding.evidence.first?.detail == "card number: ************1111")
        let tls = TLSLeg(version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", serverName: nil, how: .implicit)
        #expect(audit(Played(.smtp, card).under(tls), options: options).finding(.sensitiveContent) == nil)
        #expect(audit(Played(.smtp, Said.submission), options: options).finding(.sensitiveContent) == nil)
    }

    @Test func programs() {
        let with = Said.submission.replacing(
            "C: Subject: hello",
            with: "C: Subject: hello\nC: Content-Type: application/octet-stream; name=\"invoice.pdf.exe\"")
        var options = AuditOptions()
        options.patterns = ContentPattern.builtIn
        #expect(
            audit(Played(.smtp, with), options: options).finding(.programAttached)?.evidence.first?.detail
                == "invoice.pdf.exe")
        let without = with.replacing("invoice.pdf.exe", with: "invoice.pdf")
        #expect(audit(Played(.smtp, without), options: options).finding(.programAttached) == nil)
    }
}
