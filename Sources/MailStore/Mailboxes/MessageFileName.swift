// The name of a message file (maildir(5)): unique for ever, with the sizes that Maildir++ puts behind it, so that
// nobody has to read a file to know them.

import Synchronization

/// Makes unique names: time, process, a running number, machine.
final class UniqueNames: Sendable {
    private let counter = Atomic<Int>(0)
    private let process = currentProcess()
    private let host = hostLabel()

    /// Without sizes. Ordered by time as long as the clock goes forward; unique also when it does not.
    func next() -> String {
        let now = currentMicroseconds()
        let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
        let time = "\(now / 1_000_000).M\(UniqueNames.padded(now % 1_000_000))"
        return "\(time)P\(process)Q\(UniqueNames.padded(Int64(number))).\(host)"
    }

    private static func padded(_ number: Int64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 6 - digits.utf8.count)) + digits
    }
}

/// What a file name says.
enum MessageFileName {
    /// `unique,S=<octets of the file>,W=<octets with CRLF line ends>`.
    static func base(_ unique: String, fileSize: Int, wireSize: Int) -> String {
        "\(unique),S=\(fileSize),W=\(wireSize)"
    }

    /// The part that stays when flags change: up to the first `:`. Nil for what is no message: dot files, control
    /// characters.
    static func base(of name: String) -> Substring? {
        guard name.utf8.first != UInt8(ascii: "."), !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            return nil
        }
        guard let colon = name.utf8.firstIndex(of: UInt8(ascii: ":")) else { return name[...] }
        return colon == name.startIndex ? nil : name[..<colon]
    }

    static func flags(of name: String) -> MaildirFlags {
        guard let colon = name.utf8.firstIndex(of: UInt8(ascii: ":")) else { return MaildirFlags() }
        return MaildirFlags(info: name[name.utf8.index(after: colon)...].utf8)
    }

    /// The size with CRLF line ends, if the name has it and its other size is that of the file.
    static func wireSize(of base: Substring, fileSize: Int) -> Int? {
        var wire: Int?
        var isTrusted = false
        for part in base.utf8.split(separator: UInt8(ascii: ",")).dropFirst() {
            guard let value = UIDList.decimal(part.dropFirst(2)).flatMap({ Int(exactly: $0) }) else { continue }
            if part.starts(with: [UInt8(ascii: "S"), UInt8(ascii: "=")]) { isTrusted = value == fileSize }
            if part.starts(with: [UInt8(ascii: "W"), UInt8(ascii: "=")]) { wire = value }
        }
        // At most every octet is a bare LF.
        guard let wire, isTrusted, wire >= fileSize, wire <= fileSize &* 2 else { return nil }
        return wire
    }
}
