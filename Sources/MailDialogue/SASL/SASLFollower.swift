// Follows a SASL exchange from outside (RFC 4422): takes the base64 of the server's challenges and of the client's
// responses, says which account and which secret they show, what they break, and how a response looks with the secret
// masked in the same length. The outcome is the protocol's to tell.

import MailMessage

/// A SASL exchange under way.
package struct SASLFollower: Equatable, Sendable {
    /// The mechanism in capitals.
    package var mechanism: String { kind.name }

    private var kind: SASLMechanism
    private let lineLimit: Int
    private var exchange: AnyExchange
    private var challenges = 0
    private var responses = 0
    private var isCancelled = false
    /// A response was masked as a whole before it came here, in a recording, or a message was too long to be kept: what
    /// follows is read and not judged.
    private var isBlind = false
    /// A response was masked so that one who follows the masked form is blind from there on.
    private var hasBlinded = false
    /// A credential was told: what can't be read behind it is none of its own.
    private var hasCredential = false
    /// The name of the mechanism was not seen: it is what the messages look like. Nobody is blamed for what does not fit it.
    private(set) var isPresumed = false
    /// What was taken for a response was none: what follows is not read either.
    private var isRefuted = false

    /// The account as far as the responses have named it; empty when they did not.
    package private(set) var account = ""

    /// What a response shows.
    package struct Reading: Equatable, Sendable {
        /// The base64 with the secret masked; nil when nothing in it is secret.
        package var masked: [UInt8]?
        /// The credential, when this response completes it.
        package var credential: Credential?
        /// What the client broke in it; belongs on the note of the line that holds the response.
        package var violations: [Violation] = []
        /// It has the form of its mechanism, and the secret its place in it.
        var isOfForm = false
    }

    /// - Parameters:
    ///   - mechanism: the name in capitals.
    ///   - lineLimit: octets of a response beyond which it is a violation; SMTP has 12,288 (RFC 4954 §4).
    package init(mechanism: String, lineLimit: Int = .max) {
        kind = SASLMechanism(mechanism)
        self.lineLimit = lineLimit
        exchange = AnyExchange(kind)
    }

    /// What stands for a mechanism whose name was not seen, or is no name.
    private static let notSeen = SASLMechanism.other("?")

    /// For the word that stands where the mechanism's name is due. One that is no name is kept nowhere: it may be a response.
    init(_ word: some OctetLine, lineLimit: Int = .max) {
        self.init(mechanism: SASLMechanism.isName(word) ? word.keyword() : Self.notSeen.name, lineLimit: lineLimit)
    }

    /// For an exchange whose command is missing: the first challenge that was seen tells the mechanism, or the response to it does.
    init(behind challenge: ArraySlice<UInt8>, lineLimit: Int = .max) {
        let octets = Base64.decode(challenge) ?? []
        self.init(mechanism: (PresumedMechanism.of(challenge: octets) ?? Self.notSeen).name, lineLimit: lineLimit)
        isPresumed = true
        _ = self.challenge(challenge)
    }

    /// The mechanism can take up a security layer: after its success the octets may be wrapped (RFC 4422 §3.7). As
    /// exact as what was seen allows: DIGEST-MD5 with qop=auth takes up none, nor NTLM unless both sides want to sign
    /// or seal.
    package var mayInstallLayer: Bool {
        exchange.installsLayer ?? (kind.canInstallLayer || isPresumed && kind == Self.notSeen)
    }

    /// The server sent `base64` (without the 334 or `+` before it and without line end). What it broke in it belongs on
    /// the note of that line. To be called for every challenge, the empty ones too: it tells an initial response from
    /// an answer.
    package mutating func challenge(_ base64: ArraySlice<UInt8>) -> [Violation] {
        let violations = hear(base64)
        return isPresumed ? [] : violations
    }

    private mutating func hear(_ base64: ArraySlice<UInt8>) -> [Violation] {
        challenges += 1
        if isBlind { return [] }
        if isTooLong(base64) {
            isBlind = true
            return []
        }
        if isCancelled { return [.saslChallengeAfterCancel] }
        guard let octets = Base64.decode(base64) else {
            // What asks for NTLM's first message is a text: `334 ntlm supported` (MS-SMTPNTLM).
            return kind == .ntlm && responses == 0 ? [] : [.saslChallengeBadBase64]
        }
        if exchange.isOver { return [.saslUnexpectedChallenge] }
        if kind.beginner == .client, responses == 0 { return octets.isEmpty ? [] : [.saslFirstChallengeNotEmpty] }
        return exchange.accept(octets, from: .server).violations
    }

    /// What is taken for a response because nothing else stands where one is due: what can't be read may be a word that only looks
    /// like base64. It is masked, and told to nobody.
    mutating func presumedResponse(_ base64: ArraySlice<UInt8>) -> Reading {
        if isPresumed, responses == 0, kind == Self.notSeen,
            let found = Base64.decode(base64).flatMap(PresumedMechanism.of(response:))
        {
            kind = found
            exchange = AnyExchange(found)
        }
        // Names are texts, and passwords have no control characters: what has is no base64, but a word.
        let octets = Base64.decode(base64) ?? []
        let isPrintable = octets.allSatisfy { $0 > 31 && $0 != 127 }
        let isName = isPrintable && SASLText.isUTF8(octets)
        let isMasked = SASLMask.covers(base64)
        if kind == .login { isRefuted = isRefuted || isMasked || !(exchange.account.isEmpty ? isName : isPrintable) }
        if isRefuted { return Reading(masked: isMasked || base64.isEmpty ? nil : Self.stars(base64)) }
        var reading = read(base64, choosesMask: true)
        reading.violations = []
        if let found = reading.credential, found.account.isEmpty, !reading.isOfForm { reading.credential = nil }
        // `=` is the empty initial response, `*` cancels (RFC 4954 §4).
        let isSign = base64.elementsEqual([UInt8(ascii: "=")]) || base64.elementsEqual([UInt8(ascii: "*")])
        let isWord = isName && !octets.isEmpty || isSign
        if reading.masked == nil, !isWord, !base64.isEmpty { reading.masked = Self.stars(base64) }
        return reading
    }

    /// A challenge was sent, and is missing.
    mutating func missChallenge() { challenges += 1 }

    /// The client sent `base64` (without line end; `=` stands for the empty initial response, RFC 4954 §4). Without a
    /// challenge before it, it is the initial response.
    package mutating func response(_ base64: ArraySlice<UInt8>) -> Reading {
        isPresumed ? presumedResponse(base64) : read(base64, choosesMask: true)
    }

    /// - Parameter choosesMask: the masked form is to break the same rules.
    private mutating func read(_ base64: ArraySlice<UInt8>, choosesMask: Bool) -> Reading {
        let isInitial = responses == 0 && challenges == 0
        let before = self
        responses += 1
        if base64.elementsEqual([UInt8(ascii: "*")]) {
            isCancelled = true
            return Reading()
        }
        var violations: [Violation] = []
        if isInitial, kind.beginner == .server { violations.append(.saslInitialResponse) }
        if base64.count > lineLimit { violations.append(.saslLineTooLong) }
        if SASLMask.covers(base64) || isTooLong(base64) {
            isBlind = true
            return unreadable(base64, violations)
        }
        let isEmpty = isInitial && base64.elementsEqual([UInt8(ascii: "=")])
        guard let octets = isEmpty ? [] : Base64.decode(base64) else {
            let isPadded = Self.hasPaddingInside(base64)
            violations.append(isPadded ? .saslPaddingInside : .saslBadBase64)
            // Certain even where what came before is masked; and one who follows the masked form is to find the same.
            if isBlind { violations = violations.suffix(1) }
            var reading = unreadable(base64, violations)
            reading.masked = Self.brokenMask(base64.count, isPadded: isPadded)
            return reading
        }
        if !isEmpty, Base64.encode(octets)[...] != base64 { violations.append(.saslPadBits) }
        var finding = exchange.accept(octets, from: .client)
        // Behind a response that is masked as a whole nobody knows of the masked form which message of NTLM it is.
        if kind == .ntlm, hasBlinded || isBlind, finding.secret != .nothing { finding.secret = .whole }
        // How long a line is can be seen of its masked form too.
        violations = isBlind ? violations.filter { $0 == .saslLineTooLong } : violations + finding.violations
        account = finding.credential?.account ?? exchange.account
        if finding.credential != nil { hasCredential = true }
        // Nothing shows nothing, whatever it breaks. It is a login all the same where nothing is secret.
        if octets.isEmpty {
            return Reading(credential: finding.secret == .nothing ? finding.credential : nil, violations: violations)
        }
        var reading: Reading
        let secret: Range<Int>
        switch finding.secret {
        case .nothing: return Reading(credential: finding.credential, violations: violations)
        case .octets(let range):
            secret = range.clamped(to: octets.indices)
            reading = Reading(
                masked: Base64.encode(Self.masked(octets, secret)), credential: finding.credential,
                violations: violations)
            reading.isOfForm = true
        case .whole:
            secret = octets.indices
            reading = Reading(masked: Self.stars(base64), credential: finding.credential, violations: violations)
        case .unreadable:
            secret = octets.indices
            reading = unreadable(base64, violations)
        }
        if Self.isMask(octets[secret]) {
            reading.masked = Array(base64)
        } else if choosesMask, !hasBlinded, !violations.isEmpty, let masked = reading.masked,
            !before.finds(violations, in: masked)
        {
            reading.masked = before.mask(octets, secret, breaking: violations) ?? masked
        }
        hasBlinded = hasBlinded || reading.masked.map(SASLMask.covers) ?? false
        return reading
    }

    /// Whoever follows `base64` from here on finds the same wrong with it.
    private func finds(_ violations: [Violation], in base64: [UInt8]) -> Bool {
        var copy = self
        return copy.read(base64[...], choosesMask: false).violations == violations
    }

    /// What a masked secret begins with, so that it breaks a rule that the secret broke: what no digest has, a NUL, what is
    /// no UTF-8.
    private static let breaks: [[UInt8]] = [[], [UInt8(ascii: "-")], [0], [255], [0, 255]]

    /// A mask that breaks the same rules; nil when none was found.
    /// - Parameter secret: the octets of the message that are masked.
    private func mask(_ octets: [UInt8], _ secret: Range<Int>, breaking violations: [Violation]) -> [UInt8]? {
        for head in Self.breaks where head.isEmpty || head.count <= secret.count && secret.count < octets.count {
            var octets = Self.masked(octets, secret)
            octets.replaceSubrange(secret.prefix(head.count), with: head)
            var mask = Base64.encode(octets)
            if violations.contains(.saslPadBits) { Self.setPadBits(&mask) }
            if finds(violations, in: mask) { return mask }
        }
        return nil
    }

    /// Nothing but a mask: whoever follows one arrives at the same.
    private static func isMask(_ secret: ArraySlice<UInt8>) -> Bool {
        !secret.isEmpty && secret.allSatisfy { $0 == SASLMask.octet }
    }

    /// Gives the bits behind the message, which are to be zero (RFC 4648 §3.5), another value.
    private static func setPadBits(_ base64: inout [UInt8]) {
        guard let last = base64.lastIndex(where: { $0 != UInt8(ascii: "=") }), last < base64.count - 1 else { return }
        // The two lowest bits of its value are zero, and behind the digit of such a value comes that of the next.
        base64[last] &+= 1
    }

    /// Beyond what any known mechanism says (RFC 4954 §4). Kept to the end of the exchange it would make the session's
    /// state as large as a line of IMAP may be.
    private func isTooLong(_ base64: ArraySlice<UInt8>) -> Bool {
        exchange.keepsMessages && base64.count > DialogueLimits.saslLine
    }

    /// The octets with those of the range as asterisks, line ends in a password too.
    private static func masked(_ octets: [UInt8], _ range: Range<Int>) -> [UInt8] {
        var octets = octets
        for index in range { octets[index] = SASLMask.octet }
        return octets
    }

    /// A single asterisk would read as a cancel.
    private static func stars(_ base64: ArraySlice<UInt8>) -> [UInt8] {
        base64.count == 1 ? [UInt8(ascii: "-")] : [UInt8](repeating: UInt8(ascii: "*"), count: base64.count)
    }

    /// A mask that is no base64 either, in the same way.
    private static func brokenMask(_ count: Int, isPadded: Bool) -> [UInt8] {
        guard count > 0 else { return [] }
        let (first, others) = isPadded ? (UInt8(ascii: "="), UInt8(ascii: "A")) : (UInt8(ascii: "!"), SASLMask.octet)
        return [first] + [UInt8](repeating: others, count: count - 1)
    }

    /// Nothing but base64 digits and pad characters, and one of these not at the end.
    private static func hasPaddingInside(_ base64: ArraySlice<UInt8>) -> Bool {
        let pad = UInt8(ascii: "=")
        guard let first = base64.firstIndex(of: pad) else { return false }
        return base64[first...].contains { $0 != pad }
            && base64.allSatisfy { $0 == pad || Base64.value(of: $0) != nil }
    }

    /// Nothing is known of it, so all of it may be secret. It counts as one credential however many responses there
    /// are.
    private mutating func unreadable(_ base64: ArraySlice<UInt8>, _ violations: [Violation]) -> Reading {
        var reading = Reading(masked: Self.stars(base64), violations: violations)
        if !hasCredential {
            hasCredential = true
            reading.credential = Credential(
                mechanism: mechanism, account: account, secret: SecretBytes(base64))
        }
        return reading
    }
}
