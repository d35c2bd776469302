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
        // Four spaces divide; the name behind them may hold more.
        var spaces: [4 of Int] = [0, 0, 0, 0]
        var found = 0
        for position in line.indices where line[position] == UInt8(ascii: " ") {
            spaces[found] = position
            found += 1
            if found == 4 { break }
        }
        guard found == 4 else { return nil }
        let base = line[(spaces[3] + 1)...]
        guard let uid = decimal(line[..<spaces[0]]).flatMap({ UInt32(exactly: $0) }), uid > 0, !base.isEmpty,
            let size = decimal(line[(spaces[0] + 1)..<spaces[1]]).flatMap({ Int(exactly: $0) }),
            let date = decimal(line[(spaces[1] + 1)..<spaces[2]]).flatMap({ Int64(exactly: $0) }),
            CRC32.parse(line[(spaces[2] + 1)..<spaces[3]]) == checksum(line[...spaces[2]], base)
        else { return nil }
        return String(validating: base, as: UTF8.self).map { Line(uid: uid, size: size, date: date, base: $0) }
    }

    /// Of a line without its checksum: numbers, a space behind each, and the name.
    private static func checksum(_ numbers: ArraySlice<UInt8>, _ base: some Sequence<UInt8>) -> UInt32 {
        ~CRC32.extend(CRC32.extend(~0, numbers), base)
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
        var bytes: [UInt8] = []
        bytes.reserveCapacity(line.base.utf8.count + 64)
        bytes += "\(line.uid) \(max(0, line.size)) \(max(0, line.date)) ".utf8
        bytes += CRC32.hex(checksum(bytes[...], line.base.utf8))
        bytes.append(UInt8(ascii: " "))
        bytes += line.base.utf8
        bytes.append(UInt8(ascii: "\n"))
        return bytes
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
