// SMTP and LMTP command lines (RFC 5321 §4.1, RFC 2033 §4): the verb, and what stands behind it.

/// A parsed command line.
package struct SMTPCommand: Equatable, Sendable {
    /// The verb.
    package enum Verb: String, Sendable, Hashable, CaseIterable {
        case helo = "HELO"
        case ehlo = "EHLO"
        case lhlo = "LHLO"
        case mail = "MAIL"
        case rcpt = "RCPT"
        case data = "DATA"
        case bdat = "BDAT"
        case rset = "RSET"
        case noop = "NOOP"
        case quit = "QUIT"
        case vrfy = "VRFY"
        case expn = "EXPN"
        case help = "HELP"
        case auth = "AUTH"
        case startTLS = "STARTTLS"
        case etrn = "ETRN"
        case burl = "BURL"
        case xclient = "XCLIENT"
        case xforward = "XFORWARD"
        /// Mail for a terminal, begun like MAIL (RFC 821 §3.4; obsolete, RFC 5321 §F.6).
        case send = "SEND"
        case soml = "SOML"
        case saml = "SAML"
        /// Client and server change their roles (RFC 821 §3.8, RFC 5321 §F.1; RFC 2645 §5.2.1).
        case turn = "TURN"
        case atrn = "ATRN"
        /// Sendmail's: the server reports what it does in lines with the code 050.
        case verb = "VERB"
        case onex = "ONEX"
        /// A name of the client for itself, beside EHLO (an Internet draft).
        case clientID = "CLIENTID"
        /// Exchange's: as many octets follow a 354 as the first argument says.
        case xexch50 = "XEXCH50"
        /// Exchange's AUTH and STARTTLS.
        case xexps = "X-EXPS"
        case xanonymousTLS = "X-ANONYMOUSTLS"
    }

    /// Nil when the verb is not known.
    package let verb: Verb?
    /// The verb as it was, in capitals.
    package let word: String
    /// What stands behind the verb, trimmed.
    package let argument: ArraySlice<UInt8>

    /// `line` is without its line end.
    package init(_ line: ArraySlice<UInt8>) {
        let cut = SMTPCommandCut(line.span)
        verb = cut.verb
        let start = line.startIndex
        word = verb?.rawValue ?? line[(start + cut.word.lowerBound)..<(start + cut.word.upperBound)].keyword()
        argument = line[(start + cut.argument.lowerBound)..<(start + cut.argument.upperBound)]
    }

    /// The path and parameters of MAIL FROM: and RCPT TO:, nil when the argument has another shape.
    package var path: SMTPPath? {
        switch verb {
        case .mail, .send, .soml, .saml: SMTPPath(argument, keyword: "FROM:")
        case .rcpt: SMTPPath(argument, keyword: "TO:")
        case .helo, .ehlo, .lhlo, .data, .bdat, .rset, .noop, .quit, .vrfy, .expn, .help, .auth, .startTLS, .etrn,
            .burl, .xclient, .xforward, .turn, .atrn, .verb, .onex, .clientID, .xexch50, .xexps, .xanonymousTLS, nil:
            nil
        }
    }

    /// The size of BDAT and whether it is the last chunk (RFC 3030 §2); nil when the argument has another shape.
    package var chunk: (size: Int, isLast: Bool)? {
        let (size, rest) = argument.firstWord
        guard let octets = size.decimal else { return nil }
        let word = rest.trimmed
        if word.isEmpty { return (octets, false) }
        return word.equalsIgnoringCase("LAST") ? (octets, true) : nil
    }
}

/// A command line cut into its words, as offsets of its octets.
struct SMTPCommandCut {
    let verb: SMTPCommand.Verb?
    let word: Range<Int>
    /// What stands behind the verb, trimmed.
    let argument: Range<Int>

    /// `line` is without its line end.
    init(_ line: Span<UInt8>) {
        // Nearly all verbs have four letters, and stand at the front.
        if line.count >= 4, line.count == 4 || line[4] == 32, let known = Self.verb(line.extracting(0..<4)) {
            verb = known
            word = 0..<4
            argument = line.trimmed(4..<line.count)
            return
        }
        (word, argument) = line.firstWord(line.trimmed(0..<line.count))
        verb = Self.verb(line.extracting(word))
    }

    /// The size of BDAT and whether it is the last chunk (RFC 3030 §2); nil when the argument has another shape.
    func chunk(_ line: Span<UInt8>) -> (size: Int, isLast: Bool)? {
        let (size, rest) = line.firstWord(argument)
        guard let octets = line.extracting(size).decimal else { return nil }
        if rest.isEmpty { return (octets, false) }
        return line.extracting(rest).equalsIgnoringCase("LAST") ? (octets, true) : nil
    }

    private static func verb(_ word: Span<UInt8>) -> SMTPCommand.Verb? {
        switch word.packed {
        case 0x4f4c_4548: .helo
        case 0x4f4c_4845: .ehlo
        case 0x4f4c_484c: .lhlo
        case 0x4c49_414d: .mail
        case 0x5450_4352: .rcpt
        case 0x4154_4144: .data
        case 0x5441_4442: .bdat
        case 0x5445_5352: .rset
        case 0x504f_4f4e: .noop
        case 0x5449_5551: .quit
        case 0x5946_5256: .vrfy
        case 0x4e50_5845: .expn
        case 0x504c_4548: .help
        case 0x4854_5541: .auth
        case 0x534c_5454_5241_5453: .startTLS
        case 0x4e52_5445: .etrn
        case 0x4c52_5542: .burl
        case 0x54_4e45_494c_4358: .xclient
        case 0x4452_4157_524f_4658: .xforward
        case 0x444e_4553: .send
        case 0x4c4d_4f53: .soml
        case 0x4c4d_4153: .saml
        case 0x4e52_5554: .turn
        case 0x4e52_5441: .atrn
        case 0x4252_4556: .verb
        case 0x5845_4e4f: .onex
        case 0x4449_544e_4549_4c43: .clientID
        case 0x30_3548_4358_4558: .xexch50
        case 0x5350_5845_2d58: .xexps
        case 0: word.equalsIgnoringCase("X-ANONYMOUSTLS") ? .xanonymousTLS : nil
        default: nil
        }
    }
}
