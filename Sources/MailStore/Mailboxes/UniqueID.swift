// The unique-id of POP3 (RFC 1939 §7): 1 to 70 characters from ! to ~, the same for the life of a message. It is the
// name of the file, which outlives a lost index; a name that is too long or has other characters is hashed.

import Crypto

enum UniqueID {
    static func of(_ base: String) -> String {
        if (1...70).contains(base.utf8.count), base.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) { return base }
        let digest = SHA256.hash(data: Array(base.utf8)).flatMap {
            [SafeName.hexDigit($0 >> 4), SafeName.hexDigit($0 & 0xF)]
        }
        return String(decoding: digest, as: UTF8.self)
    }
}
