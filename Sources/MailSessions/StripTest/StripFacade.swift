// How the real server looks from outside, and how it looks to a client that is put to the test: the same greeting, the same list,
// but for what the test takes out or puts in. Nothing else of the server takes part in a test.

import MailDialogue

/// The face of a server.
package struct StripFacade: Equatable, Sendable {
    /// Its greeting, whole lines with their ends.
    package var greeting: [UInt8]
    /// What it calls itself in the reply to EHLO.
    package var host: String
    /// What it offers: keywords of EHLO with their parameters, tags of CAPA, names of CAPABILITY. Nil when it offers no list.
    package var offers: [String]?

    package init(greeting: [UInt8], host: String, offers: [String]?) {
        self.greeting = greeting
        self.host = host
        self.offers = offers
    }

    /// The face of the built-in server.
    package static func builtIn(_ mailProtocol: MailProtocol, name: String) -> StripFacade {
        switch mailProtocol {
        case .smtp, .lmtp:
            StripFacade(
                greeting: Array("220 \(name) ESMTP ready\r\n".utf8), host: name,
                offers: ["PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "HELP"])
        case .pop3:
            StripFacade(
                greeting: Array("+OK POP3 ready\r\n".utf8), host: name,
                offers: ["USER", "TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE"])
        case .imap:
            StripFacade(
                greeting: Array("* OK IMAP4rev1 ready\r\n".utf8), host: name,
                offers: ["IMAP4rev1", "SASL-IR", "ID", "ENABLE", "IDLE", "NAMESPACE"])
        }
    }

    /// What a list says of logins and TLS.
    struct Offer: Equatable {
        var offersTLS = false
        var offersLogin = true
        /// Commands may not be sent before the answer to the last.
        var forbidsPipelining = false
    }

    /// The mechanisms that an attacker wants: with each the client shows what lets anybody log in.
    static func mechanisms(_ server: [String]) -> [String] {
        ["PLAIN", "LOGIN"] + ["XOAUTH2", "OAUTHBEARER"].filter { server.contains($0) }
    }

    // MARK: Greeting

    /// The greeting of a test. A timestamp for APOP is taken out, and so are the capabilities, which the client then asks for.
    func greeting(_ mailProtocol: MailProtocol, isPreAuthenticated: Bool) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: return greeting
        case .pop3:
            guard let from = greeting.firstIndex(of: UInt8(ascii: "<")),
                let end = greeting[from...].firstIndex(of: UInt8(ascii: ">"))
            else { return greeting }
            return Array(greeting[..<from]) + greeting[(end + 1)...]
        case .imap:
            // `* OK` and one space at least: whoever made the facade has looked.
            var text = greeting[...].firstWord.rest.firstWord.rest
            if text.first == UInt8(ascii: "["), let end = text.firstIndex(of: UInt8(ascii: "]")) {
                text = text[(end + 1)...].drop { $0 == 32 }
            }
            return Array("* \(isPreAuthenticated ? "PREAUTH" : "OK") ".utf8) + text
        }
    }

    // MARK: Lists

    /// The lines of a list, without what stands around them.
    func list(_ mailProtocol: MailProtocol, _ offer: Offer) -> [String] {
        switch mailProtocol {
        case .smtp, .lmtp: smtp(offer)
        case .pop3: pop3(offer)
        case .imap: imap(offer)
        }
    }

    private func smtp(_ offer: Offer) -> [String] {
        var server: [String] = []
        var kept: [String] = []
        for line in offers ?? [] {
            let word = Self.word(line)
            switch word {
            case "AUTH": server += line.uppercased().split(separator: " ").dropFirst().map(String.init)
            case "STARTTLS", "X-ANONYMOUSTLS", "REQUIRETLS": continue
            case "PIPELINING" where offer.forbidsPipelining: continue
            // Old servers say the mechanisms twice, for old clients.
            case _ where word.hasPrefix("AUTH="): continue
            default: kept.append(line)
            }
        }
        if offer.offersTLS { kept.append("STARTTLS") }
        if offer.offersLogin { kept.append("AUTH " + Self.mechanisms(server).joined(separator: " ")) }
        return kept
    }

    private func pop3(_ offer: Offer) -> [String] {
        var server: [String] = []
        var kept: [String] = []
        for line in offers ?? ["TOP", "UIDL"] {
            switch Self.word(line) {
            case "SASL": server += line.uppercased().split(separator: " ").dropFirst().map(String.init)
            case "STLS", "USER": continue
            case "PIPELINING" where offer.forbidsPipelining: continue
            default: kept.append(line)
            }
        }
        if offer.offersTLS { kept.append("STLS") }
        if offer.offersLogin {
            kept += ["USER", "SASL " + Self.mechanisms(server).joined(separator: " ")]
        }
        return kept
    }

    private func imap(_ offer: Offer) -> [String] {
        var server: [String] = []
        var kept: [String] = []
        for name in offers ?? ["IMAP4rev1"] {
            let upper = name.uppercased()
            if upper.hasPrefix("AUTH=") {
                server.append(String(upper.dropFirst(5)))
            } else if upper != "STARTTLS", upper != "LOGINDISABLED", !upper.hasPrefix("COMPRESS=") {
                kept.append(name)
            }
        }
        if offer.offersTLS { kept.append("STARTTLS") }
        return kept + (offer.offersLogin ? Self.mechanisms(server).map { "AUTH=\($0)" } : ["LOGINDISABLED"])
    }

    private static func word(_ line: String) -> String { line.prefix { $0 != " " }.uppercased() }
}
