// Which mechanism an exchange has whose name was not seen, as in a capture that lost octets: told by what no other mechanism says.

/// What the messages of an exchange tell of its mechanism.
enum PresumedMechanism {
    /// By a challenge, decoded; nil where many have such.
    static func of(challenge octets: [UInt8]) -> SASLMechanism? {
        if octets.isEmpty { return nil }
        if isPrompt(octets) { return .login }
        // RFC 2195 §2: a message identifier.
        if octets.first == UInt8(ascii: "<"), octets.last == UInt8(ascii: ">"), octets.contains(UInt8(ascii: "@")) {
            return .cramMD5
        }
        if isNTLM(octets) { return .ntlm }
        // RFC 2831 §2.1.1: the nonce is the one directive that every challenge has.
        return octets[...].text.contains("nonce=\"") ? .digestMD5 : nil
    }

    /// By the client's first response, decoded; nil where it may be anything.
    static func of(response octets: [UInt8]) -> SASLMechanism? {
        if isNTLM(octets) { return .ntlm }
        guard SASLText.isUTF8(octets) else { return nil }
        if octets.contains(1) { return bearer(octets) }
        guard let plain = PlainMessage(octets), !plain.account.isEmpty || !plain.authorization.isEmpty,
            !plain.password.isEmpty, octets.allSatisfy({ $0 == 0 || $0 > 31 && $0 != 127 }), !plain.password.contains(0)
        else { return nil }
        return .plain
    }

    /// A prompt of LOGIN. No RFC defines them: what asks for a name is known as a whole, for the answer to another would be a password.
    private static func isPrompt(_ octets: [UInt8]) -> Bool {
        let text = octets[...].text.lowercased().filter { $0 != "\0" && $0 != " " && $0 != ":" }
        return ["username", "user"].contains(text) || text.hasPrefix("pass")
    }

    /// RFC 7628 §3.1; its forerunner has no channel in front. Nil where anything else than these fields is in it, which may be secret, too.
    private static func bearer(_ octets: [UInt8]) -> SASLMechanism? {
        let fields = octets.split(separator: 1)
        guard let first = fields.first, fields.contains(where: { $0.hasPrefixIgnoringCase("AUTH=BEARER ") }) else {
            return nil
        }
        let isKnown = fields.dropFirst().allSatisfy { field in
            (["AUTH=BEARER ", "HOST=", "PORT="] as [StaticString]).contains { field.hasPrefixIgnoringCase($0) }
        }
        guard isKnown else { return nil }
        if first.hasPrefixIgnoringCase("USER=") { return .xoauth2 }
        return first.hasPrefixIgnoringCase("N,A=") ? .oauthBearer : nil
    }

    /// MS-NLMP §2.2: all messages begin so.
    private static func isNTLM(_ octets: [UInt8]) -> Bool { octets.starts(with: "NTLMSSP\0".utf8) }
}
