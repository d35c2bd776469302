// The first arguments of an IMAP command, gathered over its lines and literals: the two of LOGIN, the mailbox of
// SELECT. Enough of the grammar (RFC 9051 §9, astring) to say where an argument begins and what it is.

/// The first arguments of a command.
struct IMAPArguments: Equatable, Sendable {
    /// An argument as it stands in a line.
    struct Token: Equatable {
        /// Where it stands, quotes included.
        var range: Range<Int>
        /// Its value, unquoted.
        var value: SecretBytes
    }

    /// How many are gathered; more only count.
    private let wanted: Int
    private(set) var values: [SecretBytes] = []
    /// Arguments seen; a parenthesised list counts as what is in it.
    private(set) var count = 0
    /// A quoted string had no end, or there are not as many as there must be: what follows can't be told apart.
    private(set) var isBroken = false

    init(wanted: Int) { self.wanted = wanted }

    /// The arguments of a line (without line end and literal header). The result says where each stands.
    mutating func append(line: some OctetLine) -> [Token] {
        var tokens: [Token] = []
        var index = line.startIndex
        while index < line.endIndex, count < wanted {
            let octet = line[index]
            if octet == 32 || octet == 9 {
                index += 1
                continue
            }
            let start = index
            var value: [UInt8] = []
            if octet == UInt8(ascii: "\"") {
                index += 1
                var closed = false
                while index < line.endIndex {
                    let octet = line[index]
                    index += 1
                    if octet == UInt8(ascii: "\\"), index < line.endIndex {
                        value.append(line[index])
                        index += 1
                    } else if octet == UInt8(ascii: "\"") {
                        closed = true
                        break
                    } else {
                        value.append(octet)
                    }
                }
                if !closed { isBroken = true }
            } else {
                while index < line.endIndex, line[index] != 32, line[index] != 9 { index += 1 }
                value = Array(line[start..<index])
            }
            let token = Token(range: start..<index, value: SecretBytes(value))
            tokens.append(token)
            append(token.value)
        }
        return tokens
    }

    /// They are not what they must be.
    mutating func spoil() { isBroken = true }

    /// A literal ended.
    mutating func append(literal: SecretBytes) { append(literal) }

    private mutating func append(_ value: SecretBytes) {
        if values.count < wanted { values.append(value) }
        count += 1
    }
}
