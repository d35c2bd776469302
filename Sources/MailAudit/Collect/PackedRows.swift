// Rows of an audit as octets: a row of Swift is some ten blocks of memory with their heads, a packed one is its text. A hundred thousand
// rows so take tens of megabytes and not a hundred, and they are unpacked one by one when the report is written.

import MailDialogue
import MailRecording

/// A row that can be packed.
package protocol PackedRow: Equatable, Sendable {
    /// Appends all of it.
    func pack(_ packer: inout RowPacker)
    /// The row whose octets are next.
    init(_ unpacker: inout RowUnpacker)
}

/// Rows in their order. A row is unpacked for each look at it.
package struct PackedRows<Row: PackedRow>: RandomAccessCollection, MutableCollection, Sendable {
    /// Octets of a chunk; a longer row has one of its own. Chunks never move, so that growing costs no second copy of all.
    private static var chunk: Int { 1 << 16 }

    private var chunks: [[UInt8]] = []
    /// Where each row begins: its chunk and its place there.
    private var places: [Place] = []
    /// The space in which rows are packed.
    private var packer = RowPacker()

    private struct Place: Sendable {
        var chunk: UInt32
        var offset: UInt32
    }

    package init() {}

    package init(_ rows: some Sequence<Row>) { for row in rows { append(row) } }

    package var startIndex: Int { 0 }
    package var endIndex: Int { places.count }

    /// An index that is none traps, as in an array.
    package subscript(index: Int) -> Row {
        get {
            let place = places[index]
            var unpacker = RowUnpacker(chunks[Int(place.chunk)], at: Int(place.offset))
            return Row(&unpacker)
        }
        set {
            // Its former octets stay behind: rows are changed once, if at all.
            if self[index] != newValue { places[index] = put(newValue) }
        }
    }

    package mutating func append(_ row: Row) {
        let place = put(row)
        places.append(place)
    }

    private mutating func put(_ row: Row) -> Place {
        packer.octets.removeAll(keepingCapacity: packer.octets.capacity <= Self.chunk)
        row.pack(&packer)
        if let last = chunks.indices.last, chunks[last].count + packer.octets.count <= Self.chunk {
            let place = Place(
                chunk: UInt32(truncatingIfNeeded: last), offset: UInt32(truncatingIfNeeded: chunks[last].count))
            chunks[last].append(contentsOf: packer.octets)
            return place
        }
        var next: [UInt8] = []
        next.reserveCapacity(Swift.max(Self.chunk, packer.octets.count))
        next.append(contentsOf: packer.octets)
        chunks.append(next)
        return Place(chunk: UInt32(truncatingIfNeeded: chunks.count - 1), offset: 0)
    }
}

/// Packs the fields of a row, one behind the other.
package struct RowPacker: Sendable {
    fileprivate var octets: [UInt8] = []

    /// A number: seven bits an octet, the lowest first, so that small ones are short.
    mutating func put(_ value: Int) {
        // The sign goes into the lowest bit.
        var rest = UInt64(bitPattern: Int64(value << 1) ^ Int64(value >> 63))
        while rest >= 0x80 {
            octets.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        octets.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func put(_ text: String) {
        var text = text
        text.withUTF8 {
            put($0.count)
            octets.append(contentsOf: $0)
        }
    }

    mutating func put(_ text: String?) {
        put(text == nil ? 0 : 1)
        if let text { put(text) }
    }

    mutating func put(_ value: Int?) {
        put(value == nil ? 0 : 1)
        if let value { put(value) }
    }

    mutating func put(_ value: Bool?) { put(value.map { $0 ? 2 : 1 } ?? 0) }

    /// A digest in hex: two digits an octet.
    mutating func put(hex text: String) {
        if text.isEmpty { return put(1) }
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0, digits.allSatisfy({ Self.digit($0) != nil }) else {
            put(0)
            return put(text)
        }
        put(digits.count / 2 + 1)
        for index in stride(from: 0, to: digits.count, by: 2) {
            octets.append((Self.digit(digits[index]) ?? 0) << 4 | (Self.digit(digits[index + 1]) ?? 0))
        }
    }

    private static func digit(_ octet: UInt8) -> UInt8? {
        switch octet {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): octet - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): octet - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    mutating func put(_ end: IPEndpoint) {
        put(end.address.isIPv6 ? 1 : 0)
        if end.address.isIPv6 { put(word: end.address.high, octets: 8) }
        put(word: end.address.low, octets: end.address.isIPv6 ? 8 : 4)
        put(word: UInt64(end.port), octets: 2)
    }

    private mutating func put(word: UInt64, octets count: Int) {
        for index in 0..<count { octets.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * index))) }
    }

    /// Which of the cases it is.
    mutating func put<Value: CaseIterable & Equatable>(case value: Value) {
        put(Array(Value.allCases).firstIndex(of: value) ?? 0)
    }
}

/// Unpacks the fields of a row in the order in which they were packed.
package struct RowUnpacker {
    private let octets: [UInt8]
    private var position: Int

    fileprivate init(_ octets: [UInt8], at position: Int) {
        self.octets = octets
        self.position = position
    }

    private mutating func octet() -> UInt8 {
        guard position < octets.count else { return 0 }
        defer { position += 1 }
        return octets[position]
    }

    mutating func int() -> Int {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = octet()
            value |= UInt64(next & 0x7F) << shift
            shift += 7
            if next & 0x80 == 0 || shift > 63 { break }
        }
        return Int(truncatingIfNeeded: Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1))
    }

    mutating func text() -> String {
        let count = Swift.min(Swift.max(0, int()), octets.count - position)
        defer { position += count }
        return String(decoding: octets[position..<(position + count)], as: UTF8.self)
    }

    mutating func optionalText() -> String? { int() == 0 ? nil : text() }
    mutating func optionalInt() -> Int? { int() == 0 ? nil : int() }
    mutating func optionalBool() -> Bool? {
        let value = int()
        return value == 0 ? nil : value == 2
    }

    private static let digits = Array("0123456789abcdef".utf8)

    mutating func hex() -> String {
        let count = int()
        guard count > 0 else { return text() }
        var out: [UInt8] = []
        out.reserveCapacity(2 * count)
        for _ in 1..<count {
            let next = octet()
            out.append(Self.digits[Int(next >> 4)])
            out.append(Self.digits[Int(next & 15)])
        }
        return String(decoding: out, as: UTF8.self)
    }

    mutating func endpoint() -> IPEndpoint {
        let isIPv6 = int() == 1
        let high = isIPv6 ? word(8) : 0
        let low = word(isIPv6 ? 8 : 4)
        let address =
            isIPv6 ? IPAddress(high: high, low: low) : IPAddress(v4: UInt32(truncatingIfNeeded: low))
        return IPEndpoint(address, UInt16(truncatingIfNeeded: word(2)))
    }

    private mutating func word(_ count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<count { value |= UInt64(octet()) << UInt64(8 * index) }
        return value
    }

    /// The case; `other` where it is none.
    mutating func value<Value: CaseIterable>(otherwise other: Value) -> Value {
        let all = Array(Value.allCases)
        let index = int()
        return all.indices.contains(index) ? all[index] : other
    }
}

extension AuditCredential: PackedRow {
    package func pack(_ packer: inout RowPacker) {
        packer.put(account)
        packer.put(mechanism)
        packer.put(case: mailProtocol)
        packer.put(case: outcome)
        packer.put(client)
        packer.put(server)
        packer.put(Int(time))
        packer.put(session)
        packer.put(exchange)
        packer.put(frame)
        packer.put(source)
        packer.put(case: protection)
        packer.put(tlsOffered)
        packer.put(hex: fingerprint)
        packer.put(isAttackable ? 1 : 0)
        packer.put(secret)
        packer.put(hash)
    }

    package init(_ unpacker: inout RowUnpacker) {
        account = unpacker.text()
        mechanism = unpacker.text()
        mailProtocol = unpacker.value(otherwise: .smtp)
        outcome = unpacker.value(otherwise: .unknown)
        client = unpacker.endpoint()
        server = unpacker.endpoint()
        time = Int64(unpacker.int())
        session = unpacker.text()
        exchange = unpacker.int()
        frame = unpacker.optionalInt()
        source = unpacker.int()
        protection = unpacker.value(otherwise: .clear)
        tlsOffered = unpacker.optionalBool()
        fingerprint = unpacker.hex()
        isAttackable = unpacker.int() == 1
        secret = unpacker.optionalText()
        hash = unpacker.optionalText()
    }
}

extension AuditMessage: PackedRow {
    /// Without its text, which no row has.
    package func pack(_ packer: inout RowPacker) {
        packer.put(session)
        packer.put(case: mailProtocol)
        packer.put(record.exchange)
        packer.put(case: record.carrier)
        packer.put(record.complete ? 1 : 0)
        packer.put(record.bytes)
        packer.put(hex: record.sha256)
        packer.put(record.from)
        packer.put(record.to.count)
        for recipient in record.to { packer.put(recipient) }
        packer.put(record.subject)
        packer.put(record.messageID)
        packer.put(client)
        packer.put(server)
        packer.put(Int(time))
        packer.put(frame)
        packer.put(source)
        packer.put(case: protection)
    }

    package init(_ unpacker: inout RowUnpacker) {
        session = unpacker.text()
        mailProtocol = unpacker.value(otherwise: .smtp)
        record = MessageRecord(exchange: unpacker.int(), carrier: unpacker.value(otherwise: .data))
        record.complete = unpacker.int() == 1
        record.bytes = unpacker.int()
        record.sha256 = unpacker.hex()
        record.from = unpacker.text()
        let recipients = unpacker.int()
        for _ in 0..<Swift.max(0, recipients) { record.to.append(unpacker.text()) }
        record.subject = unpacker.text()
        record.messageID = unpacker.text()
        client = unpacker.endpoint()
        server = unpacker.endpoint()
        time = Int64(unpacker.int())
        frame = unpacker.optionalInt()
        source = unpacker.int()
        protection = unpacker.value(otherwise: .clear)
    }
}
