// The four messages of SCRAM (RFC 5802 §7), read and written. Reading keeps the octets: the proofs are computed over
// them as they came.
//
//     C: n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL
//     S: r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096
//     C: c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=
//     S: v=rmF9pqV8S7suAoZWja4dJRkFsKQ=

import MailMessage

/// Names in SCRAM and in GS2 headers: `=2C` is a comma and `=3D` an equals sign (RFC 5802 §5.1).
enum SCRAMName {
    static func escaped(_ name: String) -> String {
        name.utf8.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "=") }
            ? String(
                decoding: name.utf8.flatMap { octet in
                    switch octet {
                    case UInt8(ascii: ","): Array("=2C".utf8)
                    case UInt8(ascii: "="): Array("=3D".utf8)
                    default: [octet]
                    }
                }, as: UTF8.self)
            : name
    }

    /// Nil when an equals sign begins neither: then the server must refuse the name.
    static func unescaped(_ name: ArraySlice<UInt8>) -> String? {
        var out: [UInt8] = []
        var rest = name
        while let octet = rest.popFirst() {
            guard octet == UInt8(ascii: "=") else {
                out.append(octet)
                continue
            }
            if rest.starts(with: "2C".utf8) {
                out.append(UInt8(ascii: ","))
            } else if rest.starts(with: "3D".utf8) {
                out.append(UInt8(ascii: "="))
            } else {
                return nil
            }
            rest = rest.dropFirst(2)
        }
        return out[...].text
    }
}

/// The attributes of a message, parted by commas.
private struct SCRAMAttributes {
    private(set) var parts: ArraySlice<ArraySlice<UInt8>>

    init(_ octets: ArraySlice<UInt8>) {
        parts = octets.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)[...]
    }

    /// The value of the next attribute if it is this one; nil otherwise.
    mutating func take(_ name: Character) -> ArraySlice<UInt8>? {
        guard let part = parts.first, part.count >= 2, part.first == name.asciiValue,
            part[part.startIndex + 1] == UInt8(ascii: "=")
        else { return nil }
        parts = parts.dropFirst()
        return part.dropFirst(2)
    }

    /// All that is left is extensions: a letter, an equals sign, a value.
    var areExtensions: Bool {
        parts.allSatisfy { part in
            guard let letter = part.first, part.count > 2 else { return false }
            return (letter | 32 >= 97 && letter | 32 <= 122) && part[part.startIndex + 1] == UInt8(ascii: "=")
        }
    }
}

/// The channel binding flag of a GS2 header (RFC 5802 §6).
package enum SCRAMBindingFlag: Equatable, Sendable {
    /// `n`: the client can't bind.
    case unsupported
    /// `y`: the client can, and believes that the server can't.
    case notOffered
    /// `p=type`: the client binds.
    case required(type: String)
}

/// client-first-message.
struct SCRAMClientFirst: Equatable, Sendable {
    /// Flag and authorization identity with both commas, as sent.
    var header: [UInt8]
    var flag: SCRAMBindingFlag
    /// Not yet unescaped; empty when there is none.
    var authorization: ArraySlice<UInt8>
    /// Not yet unescaped.
    var username: ArraySlice<UInt8>
    var nonce: ArraySlice<UInt8>
    /// There is an extension that the server must understand.
    var hasMandatoryExtension = false
    /// What the proofs are computed over.
    var bare: ArraySlice<UInt8>

    /// Nil when it is not of this form.
    init?(_ message: [UInt8]) {
        guard let first = message.firstIndex(of: UInt8(ascii: ",")),
            let second = message[(first + 1)...].firstIndex(of: UInt8(ascii: ","))
        else { return nil }
        header = Array(message[...second])
        let flag = message[..<first]
        switch flag.first {
        case UInt8(ascii: "n") where flag.count == 1: self.flag = .unsupported
        case UInt8(ascii: "y") where flag.count == 1: self.flag = .notOffered
        case UInt8(ascii: "p") where flag.starts(with: "p=".utf8) && flag.count > 2:
            self.flag = .required(type: flag.dropFirst(2).text)
        default: return nil
        }
        authorization = message[(first + 1)..<second]
        if !authorization.isEmpty {
            guard authorization.starts(with: "a=".utf8), authorization.count > 2 else { return nil }
            authorization = authorization.dropFirst(2)
        }
        bare = message[(second + 1)...]
        var attributes = SCRAMAttributes(bare)
        if attributes.take("m") != nil { hasMandatoryExtension = true }
        guard let username = attributes.take("n"), let nonce = attributes.take("r"), !username.isEmpty, !nonce.isEmpty,
            nonce.allSatisfy(Self.isPrintable), SASLText.isUTF8(username), attributes.areExtensions
        else { return nil }
        self.username = username
        self.nonce = nonce
    }

    /// An octet of a nonce. Commas are gone by now.
    static func isPrintable(_ octet: UInt8) -> Bool { octet > 32 && octet < 127 }

    static func header(_ binding: SCRAMBindingFlag, authorization: String) -> String {
        let flag =
            switch binding {
            case .unsupported: "n"
            case .notOffered: "y"
            case .required(let type): "p=\(type)"
            }
        return flag + "," + (authorization.isEmpty ? "" : "a=" + SCRAMName.escaped(authorization)) + ","
    }
}

/// server-first-message.
struct SCRAMServerFirst: Equatable, Sendable {
    var nonce: ArraySlice<UInt8>
    var salt: [UInt8]
    var iterations: Int
    var hasMandatoryExtension = false
    /// The message as it came.
    var octets: [UInt8]

    /// The fewest iterations that a server should ask for (RFC 5802 §5.1, RFC 7677 §3).
    static let fewestIterations = 4_096

    init?(_ message: [UInt8]) {
        octets = message
        var attributes = SCRAMAttributes(message[...])
        if attributes.take("m") != nil { hasMandatoryExtension = true }
        guard let nonce = attributes.take("r"), let salt = attributes.take("s").flatMap(Base64.decode),
            let count = attributes.take("i"), count.first != UInt8(ascii: "0"), let iterations = count.decimal,
            !nonce.isEmpty, nonce.allSatisfy(SCRAMClientFirst.isPrintable), attributes.areExtensions
        else { return nil }
        self.nonce = nonce
        self.salt = salt
        self.iterations = iterations
    }

    static func message(nonce: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        Array("r=".utf8) + nonce + Array(",s=".utf8) + Base64.encode(salt) + Array(",i=\(iterations)".utf8)
    }
}

/// client-final-message.
struct SCRAMClientFinal: Equatable, Sendable {
    /// cbind-input: the GS2 header and the binding's data.
    var binding: [UInt8]
    var nonce: ArraySlice<UInt8>
    /// Empty when it was masked.
    var proof: [UInt8]
    /// The proof's base64 in the message.
    var proofRange: Range<Int>
    /// What the proofs are computed over.
    var withoutProof: ArraySlice<UInt8>

    init?(_ message: [UInt8]) {
        guard let comma = message.lastIndex(of: UInt8(ascii: ",")), message[(comma + 1)...].starts(with: "p=".utf8)
        else { return nil }
        let value = message[(comma + 3)...]
        guard let proof = SASLMask.covers(value) ? [] : Base64.decode(value) else { return nil }
        withoutProof = message[..<comma]
        proofRange = (comma + 3)..<message.count
        self.proof = proof
        var attributes = SCRAMAttributes(withoutProof)
        guard let binding = attributes.take("c").flatMap(Base64.decode), let nonce = attributes.take("r"),
            attributes.areExtensions
        else { return nil }
        self.binding = binding
        self.nonce = nonce
    }

    static func withoutProof(binding: [UInt8], nonce: ArraySlice<UInt8>) -> [UInt8] {
        Array("c=".utf8) + Base64.encode(binding) + Array(",r=".utf8) + nonce
    }

    static func message(_ withoutProof: [UInt8], proof: [UInt8]) -> [UInt8] {
        withoutProof + Array(",p=".utf8) + Base64.encode(proof)
    }
}

/// server-final-message.
enum SCRAMServerFinal: Equatable, Sendable {
    case verifier([UInt8])
    case failure(String)

    init?(_ message: [UInt8]) {
        var attributes = SCRAMAttributes(message[...])
        if let value = attributes.take("v") {
            guard let signature = Base64.decode(value) else { return nil }
            self = .verifier(signature)
        } else if let value = attributes.take("e"), !value.isEmpty {
            self = .failure(value.text)
        } else {
            return nil
        }
        guard attributes.areExtensions else { return nil }
    }

    var message: [UInt8] {
        switch self {
        case .verifier(let signature): Array("v=".utf8) + Base64.encode(signature)
        case .failure(let reason): Array("e=\(reason)".utf8)
        }
    }
}
