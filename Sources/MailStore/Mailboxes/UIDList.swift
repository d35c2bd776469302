// The index of a mailbox as text: which UID a message file has. The pure part; reading and writing are MailboxState's.
//
//     mailproxy-uidlist 1 V1764085094 N0000000003 C0000000002 8F2A77C0
//     1 2210 1764085090 5B1D0C9E 1764085090.M120001P77Q1.host,S=2210,W=2210
//     2 518 1764085093 A90E4411 1764085093.M003342P77Q2.host,S=518,W=518
//
// The first line has a fixed length and is overwritten in place: UIDVALIDITY, UIDNEXT, the lines that follow at
// least, CRC-32 of all before it. A line has UID, octets with CRLF line ends, internal date, CRC-32 of the rest, name
// of the file up to `:`. New lines go to the end, then the first line is overwritten, then the file is synced, and
// only then is a UID told to anyone. So
// - a process killed in between leaves lines that the first line does not count yet (they are taken) or half a line
//   (cut off),
// - fewer lines than counted, or a line that does not fit its checksum, mean that UIDs which were told are lost:
//   RFC 9051 §2.3.1.1 then asks for another UIDVALIDITY.
// Lines of messages that are gone stay until the file is rewritten.

import CBytes

struct UIDList: Equatable, Sendable {
    static let fileName = "mailproxy-uidlist"
    private static let signature = Array("mailproxy-uidlist 1 V".utf8)
    static let headerLength = signature.count + 10 + 2 + 10 + 2 + 10 + 1 + 8 + 1

    struct Line: Equatable, Sendable {
        var uid: UInt32
        var size: Int
        var date: Int64
        var base: String
    }

    enum Outcome: Equatable, Sendable {
        /// `length` is where the next line goes: before half a line, if there is one.
        case intact(UIDList, length: Int)
        /// Not to be trusted; the greatest UIDVALIDITY that it may have had.
        case damaged(validity: UInt32?)
    }

    var validity: UInt32
    var next: UInt32
    var lines: [Line]

    static func parse(_ bytes: [UInt8]) -> Outcome {
        guard bytes.count >= headerLength, let header = parseHeader(bytes[..<headerLength]) else {
            let digits = bytes.dropFirst(signature.count).prefix(10)
            return .damaged(validity: decimal(digits).flatMap { UInt32(exactly: $0) })
        }
        var list = UIDList(validity: header.validity, next: header.next, lines: [])
        list.lines.reserveCapacity(bytes.count / 60)
        var start = headerLength
        var last: UInt32 = 0
        while start < bytes.count {
            guard let end = newline(bytes, from: start) else {
                // Half a line at the end was never told to anyone, unless the first line counts it.
                break
            }
            guard let line = parseLine(bytes[start..<end]), line.uid > last else {
                return .damaged(validity: header.validity)
            }
            last = line.uid
            list.lines.append(line)
            start = end + 1
        }
        guard list.lines.count >= Int(header.count), last < .max else { return .damaged(validity: header.validity) }
        list.next = max(list.next, last + 1)
        return .intact(list, length: start)
    }

    private static func newline(_ bytes: [UInt8], from start: Int) -> Int? {
        let offset = bytes.withUnsafeBytes { whole -> Int in
            guard let base = whole.baseAddress else { return -1 }
            return mp_find_byte(base + start, whole.count - start, UInt8(ascii: "\n"))
        }
        return offset < 0 ? nil : start + offset
    }

    private static func parseHeader(_ line: ArraySlice<UInt8>) -> (validity: UInt32, next: UInt32, count: UInt32)? {
        var rest = line
        guard rest.starts(with: signature) else { return nil }
        rest = rest.dropFirst(signature.count)
        guard let validity = decimal(rest.prefix(10)).flatMap({ UInt32(exactly: $0) }) else { return nil }
        rest = rest.dropFirst(10)
        guard rest.starts(with: [UInt8(ascii: " "), UInt8(ascii: "N")]) else { return nil }
        rest = rest.dropFirst(2)
        guard let next = decimal(rest.prefix(10)).flatMap({ UInt32(exactly: $0) }) else { return nil }
        rest = rest.dropFirst(10)
        guard rest.starts(with: [UInt8(ascii: " "), UInt8(ascii: "C")]) else { return nil }
        rest = rest.dropFirst(2)
        guard let count = decimal(rest.prefix(10)).flatMap({ UInt32(exactly: $0) }) else { return nil }
        guard validity > 0, next > 0, header(validity: validity, next: next, count: count).elementsEqual(line) else {
            return nil
        }
        return (validity, next, count)
    }

    private static func parseLine(_ line: ArraySlice<UInt8>) -> Line? {
        let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 5, let uid = decimal(parts[0]).flatMap({ UInt32(exactly: $0) }), uid > 0,
            let size = decimal(parts[1]).flatMap({ Int(exactly: $0) }),
            let date = decimal(parts[2]).flatMap({ Int64(exactly: $0) }), parts[3].count == 8, !parts[4].isEmpty
        else { return nil }
        guard CRC32.hex(checksum(parts[0], parts[1], parts[2], parts[4])).elementsEqual(parts[3]) else { return nil }
        guard let base = String(validating: parts[4], as: UTF8.self) else { return nil }
        return Line(uid: uid, size: size, date: date, base: base)
    }

    private static func checksum(
        _ uid: ArraySlice<UInt8>, _ size: ArraySlice<UInt8>, _ date: ArraySlice<UInt8>, _ base: ArraySlice<UInt8>
    ) -> UInt32 {
        var joined: [UInt8] = []
        joined.reserveCapacity(base.count + 40)
        for part in [uid, size, date] {
            joined += part
            joined.append(UInt8(ascii: " "))
        }
        joined += base
        return CRC32.of(joined)
    }

    static func header(validity: UInt32, next: UInt32, count: UInt32) -> [UInt8] {
        var line = signature
        line += padded(validity)
        line += [UInt8(ascii: " "), UInt8(ascii: "N")]
        line += padded(next)
        line += [UInt8(ascii: " "), UInt8(ascii: "C")]
        line += padded(count)
        let sum = CRC32.hex(CRC32.of(line))
        line.append(UInt8(ascii: " "))
        line += sum
        line.append(UInt8(ascii: "\n"))
        return line
    }

    static func serialize(_ line: Line) -> [UInt8] {
        let uid = Array(String(line.uid).utf8)
        let size = Array(String(max(0, line.size)).utf8)
        let date = Array(String(max(0, line.date)).utf8)
        let base = Array(line.base.utf8)
        let sum = CRC32.hex(checksum(uid[...], size[...], date[...], base[...]))
        return Array([uid, size, date, sum, base].joined(separator: [UInt8(ascii: " ")])) + [UInt8(ascii: "\n")]
    }

    /// The whole file.
    var serialized: [UInt8] {
        var bytes = UIDList.header(validity: validity, next: next, count: UInt32(clamping: lines.count))
        bytes.reserveCapacity(bytes.count + lines.count * 96)
        for line in lines { bytes += UIDList.serialize(line) }
        return bytes
    }

    private static func padded(_ number: UInt32) -> [UInt8] {
        let digits = Array(String(number).utf8)
        return Array(repeating: UInt8(ascii: "0"), count: max(0, 10 - digits.count)) + digits
    }

    /// Digits and nothing else, at most 18 of them.
    static func decimal(_ digits: some Collection<UInt8>) -> UInt64? {
        guard (1...18).contains(digits.count) else { return nil }
        var value: UInt64 = 0
        for octet in digits {
            guard octet >= UInt8(ascii: "0"), octet <= UInt8(ascii: "9") else { return nil }
            value = value &* 10 &+ UInt64(octet - UInt8(ascii: "0"))
        }
        return value
    }
}
