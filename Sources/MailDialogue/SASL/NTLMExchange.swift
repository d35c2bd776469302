// NTLM (MS-NLMP), followed only: three binary messages, each `NTLMSSP` NUL and a number in four octets, little-endian.
//
//     C: type 1: what the client can
//     S: type 2: what the server wants, and a challenge of eight octets
//     C: type 3: domain, user, workstation and the two responses

import MailMessage

/// A message of NTLM.
struct NTLMMessage: Equatable, Sendable {
    /// The bits that ask for a security layer: NEGOTIATE_SIGN and NEGOTIATE_SEAL (MS-NLMP §2.2.2.5).
    static let layerFlags: UInt32 = 0x10 | 0x20
    /// Texts are UTF-16, else in a code page of the machine.
    static let unicodeFlag: UInt32 = 0x1

    private static let signature = Array("NTLMSSP\0".utf8)

    private let octets: [UInt8]
    /// 1, 2 or 3.
    let type: UInt32

    /// Nil without the signature.
    init?(_ message: [UInt8]) {
        octets = message
        guard message.starts(with: Self.signature), let type = Self.number(message, at: 8) else { return nil }
        self.type = type
    }

    private static func number(_ octets: [UInt8], at offset: Int) -> UInt32? {
        guard offset >= 0, offset + 4 <= octets.count else { return nil }
        return octets[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The flags of a message of this type; nil when it ends before them.
    var flags: UInt32? {
        switch type {
        case 1: Self.number(octets, at: 12)
        case 2: Self.number(octets, at: 20)
        case 3: Self.number(octets, at: 60)
        default: nil
        }
    }

    /// The eight octets that a type 2 challenges with.
    var challenge: [UInt8]? { type == 2 && octets.count >= 32 ? Array(octets[24..<32]) : nil }

    /// What a field points to: length, room and offset, eight octets from `at` on. Nil when it lies outside.
    func field(at: Int) -> ArraySlice<UInt8>? {
        guard at + 8 <= octets.count, let offset = Self.number(octets, at: at + 4) else { return nil }
        let count = Int(octets[at]) | Int(octets[at + 1]) << 8
        if count == 0 { return [] }
        guard Int(offset) <= octets.count, count <= octets.count - Int(offset) else { return nil }
        return octets[Int(offset)..<(Int(offset) + count)]
    }

    /// The fields of this type, by where they stand.
    private var fieldOffsets: [Int] {
        switch type {
        case 2: [12]
        case 3: [12, 20, 28, 36, 44]
        // The domain and workstation of type 1 count only with their flags, and many clients leave them undefined.
        default: []
        }
    }

    /// A field that is there points outside of the message.
    var hasFieldOutside: Bool { fieldOffsets.contains { $0 + 8 <= octets.count && field(at: $0) == nil } }

    /// The octets behind those that only say where fields are: type, lengths and offsets (MS-NLMP §2.2.1.3), as far as no
    /// field lies among them.
    var payload: Range<Int> {
        // Also of one that ends outside.
        let fields = fieldOffsets.filter { $0 + 8 <= octets.count && octets[$0...($0 + 1)].contains { $0 != 0 } }
        let starts = fields.compactMap { Self.number(octets, at: $0 + 4) }.map { Int($0) }
        return starts.reduce(min(Self.fieldsEnd, octets.count), min)..<octets.count
    }

    /// Where the last field of type 3 that is looked at is told.
    private static let fieldsEnd = 52

    /// A field as text.
    func text(at: Int) -> String {
        guard let field = field(at: at) else { return "" }
        // Type 3 may end before its flags; then its texts are what NT clients send.
        guard (flags ?? Self.unicodeFlag) & Self.unicodeFlag != 0 else { return field.text }
        var units: [UInt16] = []
        var rest = field
        while let low = rest.popFirst(), let high = rest.popFirst() { units.append(UInt16(high) << 8 | UInt16(low)) }
        return String(decoding: units, as: UTF16.self)
    }
}

struct NTLMExchange: SASLExchange {
    private enum State: Equatable, Sendable {
        /// Type 1 is due. Successor: `offered`.
        case begun
        /// Type 2 is due. Successor: `challenged`.
        case offered
        /// Type 3 is due. Successor: `over`.
        case challenged(NTLMMessage)
        /// Nothing is left to say.
        case over
    }

    private var state = State.begun
    private(set) var installsLayer: Bool?

    /// No RFC says how often a server may ask.
    var isOver: Bool { false }

    mutating func accept(_ message: [UInt8], from side: Side) -> SASLFinding {
        switch (side, state) {
        // Some servers ask for type 1 with a text of their own.
        case (.server, .begun), (.server, .challenged), (.server, .over): return SASLFinding()
        case (.client, .begun):
            if message.isEmpty { return SASLFinding() }
            state = .offered
            guard let offer = NTLMMessage(message), offer.type == 1 else { return .unreadable(.saslNTLMForm) }
            return SASLFinding()
        case (.server, .offered):
            guard let challenge = NTLMMessage(message), challenge.type == 2, challenge.challenge != nil else {
                return SASLFinding(violations: [.saslNTLMChallengeForm])
            }
            state = .challenged(challenge)
            return SASLFinding(violations: challenge.hasFieldOutside ? [.saslNTLMChallengeField] : [])
        case (.client, .challenged(let challenge)): return response(message, challenge)
        case (.client, .offered), (.client, .over): return message.isEmpty ? SASLFinding() : .unreadable()
        }
    }

    private mutating func response(_ message: [UInt8], _ challenge: NTLMMessage) -> SASLFinding {
        state = .over
        if message.isEmpty { return SASLFinding() }
        guard let response = NTLMMessage(message), response.type == 3 else { return .unreadable(.saslNTLMForm) }
        // A layer follows only if both sides want one (MS-NLMP §2.2.2.5).
        if let wanted = challenge.flags, let granted = response.flags {
            installsLayer = wanted & granted & NTLMMessage.layerFlags != 0
        }
        let isOutside = response.hasFieldOutside
        let violations: [Violation] = isOutside ? [.saslNTLMField] : []
        // Where the fields are said to be is the proof, and no secret.
        let secret: SASLFinding.Secret = isOutside ? .octets(response.payload) : .whole
        guard let lm = response.field(at: 12), let nt = response.field(at: 20) else {
            return SASLFinding(
                violations: violations, secret: secret,
                credential: Credential(
                    mechanism: SASLMechanism.ntlm.name, account: "", secret: SecretBytes(Base64.encode(message))))
        }
        var details: [CredentialDetail] = [.realm(response.text(at: 28))]
        let workstation = response.text(at: 44)
        if !workstation.isEmpty { details.append(.workstation(workstation)) }
        details.append(
            .evidence(
                .ntlm(
                    challenge: SecretBytes(challenge.challenge ?? []), lm: SecretBytes(lm), nt: SecretBytes(nt))))
        return SASLFinding(
            violations: violations, secret: secret,
            credential: Credential(
                mechanism: SASLMechanism.ntlm.name, account: response.text(at: 36), secret: SecretBytes(nt),
                details: details))
    }
}
