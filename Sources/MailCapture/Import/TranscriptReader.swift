// Sessions in the files of other programs: recognised by what is in them, read line by line, told as the flows of a capture are, so that
// all that follows is the same.

import Glibc
import MailDialogue
import MailRecording

/// Reads one file, or a pair of files, of another program.
struct TranscriptReader {
    /// Gets what was found, in order.
    typealias Deliver = (Event) throws -> Void

    /// What a file tells of its sessions.
    enum Event {
        /// A session begins. `isWhole` when its beginning is there.
        case opened(server: SocketAddress, time: Int64, isWhole: Bool, format: ImportFormat)
        case octets(Side, ArraySlice<UInt8>, time: Int64)
        /// Octets of a side are not in the file.
        case missing(Side, time: Int64)
        /// TLS began: with the first octet when nothing was said before.
        case secured(TLSLeg, time: Int64)
        case closed(FlowEnd, time: Int64)
    }

    /// What the user should know of the file: what is not in it.
    private(set) var remarks: [String] = []

    private static let nowhere = SocketAddress(ip: .v4(0), port: 0)

    // MARK: Recognition

    /// The form of a file by its first octets; nil for captures and for what nobody knows.
    static func form(of path: String) throws(CaptureError) -> ImportFormat? {
        var status = stat()
        // What can't be opened is told of by who reads it.
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, let lines = try? ImportLines(path) else {
            return nil
        }
        var seen = 0
        while seen < 400, let line = try lines.next(), line.offset < 64 << 10 {
            if line.offset == 0, isCapture(line.octets) { return nil }
            seen += 1
            let text = line.octets.withoutLineEnd.line
            if line.offset == 0, RawlogStamp(line.octets) != nil { return .rawlog }
            if text.hasPrefixIgnoringCase("CONNECTED(") { return .openssl }
            switch SwaksLine(text) {
            case .connected: return .swaks
            case .said(_, let said) where seen <= 40 && !said.isEmpty: return .swaks
            case .said, .leftOut, .secured, .closed, .complaint, .remark, .other: break
            }
        }
        // A log of the program that runs behind the login may have no times.
        return partner(of: path) != nil ? .rawlog : nil
    }

    private static func isCapture(_ octets: ArraySlice<UInt8>) -> Bool {
        let magics: [[UInt8]] = [
            [0x0A, 0x0D, 0x0D, 0x0A], [0xA1, 0xB2, 0xC3, 0xD4], [0xD4, 0xC3, 0xB2, 0xA1], [0xA1, 0xB2, 0x3C, 0x4D],
            [0x4D, 0x3C, 0xB2, 0xA1], [0xA1, 0xB2, 0xCD, 0x34], [0x34, 0xCD, 0xB2, 0xA1], [0x0A],
            // Packed ones (RFC 8878 §3.1.1, RFC 1952 §2.3.1).
            [0x28, 0xB5, 0x2F, 0xFD], [0x1F, 0x8B],
        ]
        return magics.contains { octets.starts(with: $0) }
    }

    /// The other file of a pair of rawlogs, when it is there.
    static func partner(of path: String) -> String? {
        let other: String
        if path.hasSuffix(".in") {
            other = path.dropLast(3) + ".out"
        } else if path.hasSuffix(".out") {
            other = path.dropLast(4) + ".in"
        } else {
            return nil
        }
        return access(other, R_OK) == 0 ? other : nil
    }

    // MARK: Reading

    /// Reads a file, and its partner when it is one of a pair.
    mutating func read(_ path: String, as format: ImportFormat, _ deliver: Deliver) throws {
        switch format {
        case .rawlog: try readRawlog(path, deliver)
        case .swaks: try readSwaks(path, deliver)
        case .openssl: try readTyped(path, deliver)
        }
    }

    // MARK: Rawlogs

    /// One direction of a rawlog.
    private struct Direction {
        let lines: ImportLines
        let side: Side
        let path: String
        /// The piece that comes next, with its time.
        var next: (octets: ArraySlice<UInt8>, time: Int64)?
        private var time: Int64 = 0
        private var hasTimes: Bool?

        init(_ path: String, _ side: Side) throws(CaptureError) {
            lines = try ImportLines(path)
            self.path = path
            self.side = side
            time = lines.modified
            try step()
        }

        /// The times of its lines are in it.
        var isTimed: Bool { hasTimes ?? true }

        mutating func step() throws(CaptureError) {
            guard let line = try lines.next() else {
                next = nil
                return
            }
            guard line.isStart else {
                next = (line.octets, time)
                return
            }
            let stamp = RawlogStamp(line.octets)
            if hasTimes == nil { hasTimes = stamp != nil }
            guard hasTimes == true else {
                next = (line.octets, time)
                return
            }
            guard let stamp else {
                throw CaptureError(
                    .badFormat, "\(path): a line of this rawlog has no time in front (at offset \(line.offset))",
                    format: CaptureFormatError(
                        .badLength, at: line.offset, "a line of this rawlog has no time in front"))
            }
            time = stamp.time
            let length = stamp.side == nil ? stamp.length : stamp.length - 3
            next = (line.octets.dropFirst(length), time)
        }
    }

    private mutating func readRawlog(_ path: String, _ deliver: Deliver) throws {
        let other = Self.partner(of: path)
        if other == nil, try Self.isOfBoth(path) {
            try readBoth(path, deliver)
            return
        }
        let isOutput = path.hasSuffix(".out")
        var first = try Direction(path, isOutput ? .server : .client)
        var second = try other.map { try Direction($0, isOutput ? .client : .server) }
        if other == nil {
            let side = isOutput ? "client" : "server"
            remarks.append("\(path): what the \(side) sent is in another file, which is not there")
        }
        if !first.isTimed || second?.isTimed == false {
            remarks.append("\(path): no times are in it, so that nobody knows which side spoke when")
        }
        let start = min(first.next?.time ?? first.lines.modified, second?.next?.time ?? Int64.max)
        let output = first.side == .server ? first.next : second?.next
        let isWhole = output.map { $0.time <= start && Self.isGreeting($0.octets) } ?? false
        try deliver(.opened(server: Self.nowhere, time: start, isWhole: isWhole, format: .rawlog))
        var last = start
        var leaves = false
        while true {
            // At the same time, what came in came before the answer.
            let takesSecond: Bool
            switch (first.next, second?.next) {
            case (nil, nil):
                try deliver(.closed(leaves ? .fin : .endOfCapture, time: last))
                return
            case (nil, _): takesSecond = true
            case (_, nil): takesSecond = false
            case (let a?, let b?): takesSecond = first.side == .client ? b.time < a.time : b.time <= a.time
            }
            let (piece, side) = takesSecond ? (second?.next, first.side.other) : (first.next, first.side)
            if let piece {
                last = max(last, piece.time)
                if side == .client { leaves = Self.leaves(piece.octets) }
                try deliver(.octets(side, piece.octets, time: last))
            }
            if takesSecond { try second?.step() } else { try first.step() }
        }
    }

    /// The server's first line opens a session. `+OK` may as well end a login, of which Dovecot says so.
    private static func isGreeting(_ line: ArraySlice<UInt8>) -> Bool {
        if line.hasPrefixIgnoringCase("220 ") || line.hasPrefixIgnoringCase("220-") { return true }
        if line.hasPrefixIgnoringCase("* OK") || line.hasPrefixIgnoringCase("* PREAUTH") { return true }
        return line.hasPrefixIgnoringCase("+OK") && !line.hasPrefixIgnoringCase("+OK Logged in")
    }

    /// The line is the last command of a client.
    private static func leaves(_ line: ArraySlice<UInt8>) -> Bool {
        let (word, rest) = line.withoutLineEnd.line.firstWord
        return word.equalsIgnoringCase("QUIT") || rest.equalsIgnoringCase("LOGOUT")
    }

    private static func isOfBoth(_ path: String) throws(CaptureError) -> Bool {
        guard let line = try ImportLines(path).next() else { return false }
        return RawlogStamp(line.octets)?.side != nil
    }

    /// A rawlog of both directions.
    private func readBoth(_ path: String, _ deliver: Deliver) throws {
        let lines = try ImportLines(path)
        var stamp: RawlogStamp?
        var last: Int64 = 0
        func tell(_ octets: ArraySlice<UInt8>) throws {
            guard let stamp, let side = stamp.side, !octets.isEmpty else { return }
            try deliver(.octets(side, octets, time: last))
        }
        while let line = try lines.next() {
            var rest = line.octets
            if line.isStart, stamp?.isOpen != true {
                guard let found = RawlogStamp(rest), found.side != nil else {
                    throw CaptureError(
                        .badFormat, "\(path): a line of this rawlog has no time in front (at offset \(line.offset))",
                        format: CaptureFormatError(
                            .badLength, at: line.offset, "a line of this rawlog has no time in front"))
                }
                if stamp == nil {
                    last = found.time
                    let isWhole = found.side == .server && Self.isGreeting(rest.dropFirst(found.length))
                    try deliver(.opened(server: Self.nowhere, time: found.time, isWhole: isWhole, format: .rawlog))
                }
                stamp = found
                last = max(last, found.time)
                rest = rest.dropFirst(found.length)
            }
            // Behind octets without a line end the next stamp follows at once.
            while stamp?.isOpen == true, let place = Self.stampPlace(rest) {
                try tell(rest[..<place])
                stamp = RawlogStamp(rest[place...])
                last = max(last, stamp?.time ?? last)
                rest = rest[place...].dropFirst(stamp?.length ?? 0)
            }
            try tell(rest)
        }
        if stamp != nil { try deliver(.closed(.endOfCapture, time: last)) }
    }

    private static func stampPlace(_ octets: ArraySlice<UInt8>) -> Int? {
        var rest = octets
        while let point = rest.firstIndex(of: UInt8(ascii: ".")) {
            var start = point
            while start > octets.startIndex, point - start < 11, (48...57).contains(octets[start - 1]) { start -= 1 }
            if start < point, let stamp = RawlogStamp(octets[start...]), stamp.side != nil { return start }
            rest = octets[(point + 1)...]
        }
        return nil
    }

    // MARK: swaks

    private mutating func readSwaks(_ path: String, _ deliver: Deliver) throws {
        let lines = try ImportLines(path)
        let time = lines.modified
        var server = Self.nowhere
        var isOpen = false
        var isContinued: Side?
        var tls: TLSLeg?
        var leftOut = 0
        func open() throws {
            guard !isOpen else { return }
            isOpen = true
            try deliver(.opened(server: server, time: time, isWhole: true, format: .swaks))
            if let tls { try deliver(.secured(tls, time: time)) }
        }
        func close(_ end: FlowEnd) throws {
            guard isOpen else { return }
            isOpen = false
            tls = nil
            try deliver(.closed(end, time: time))
        }
        while let line = try lines.next() {
            let (text, _) = line.octets.withoutLineEnd
            let isWhole = line.octets.last == 10
            if !line.isStart {
                if let side = isContinued { try deliver(.octets(side, isWhole ? text + [13, 10] : text, time: time)) }
                if isWhole { isContinued = nil }
                continue
            }
            isContinued = nil
            switch SwaksLine(text) {
            case .said(let side, let said):
                try open()
                if !isWhole { isContinued = side }
                try deliver(.octets(side, isWhole ? said + [13, 10] : said, time: time))
            case .leftOut:
                try open()
                leftOut += 1
                try deliver(.missing(.client, time: time))
            case .connected(let host, let port):
                try close(.endOfCapture)
                if let port { server.port = port }
                if let address = IPAddress(host) { server.address = address }
            case .secured(let version, let cipher):
                let how: TLSLeg.How = isOpen ? .starttls : .implicit
                let leg = TLSLeg(version: version, cipher: cipher, serverName: nil, how: how)
                if isOpen { try deliver(.secured(leg, time: time)) } else { tls = leg }
            case .closed: try close(.fin)
            case .complaint, .remark, .other: break
            }
        }
        try close(.endOfCapture)
        if leftOut > 0 { remarks.append("\(path): message data were left out when it was written") }
    }

    // MARK: What was typed

    private mutating func readTyped(_ path: String, _ deliver: Deliver) throws {
        // Whether what was typed is in the file shows only when it was read once.
        var hasTyped = false
        try walk(path) { event in
            if case .octets(.client, _, time: _) = event { hasTyped = true }
        }
        if !hasTyped { remarks.append("\(path): what the client sent is not in it: only the server's side is known") }
        try walk(path) { event in
            if !hasTyped, case .octets(.server, _, time: let time) = event {
                try deliver(.missing(.client, time: time))
            }
            try deliver(event)
        }
    }

    private func walk(_ path: String, _ deliver: Deliver) throws {
        let lines = try ImportLines(path)
        let time = lines.modified
        var noise = OpenSSLNoise()
        var dialogue = TypedDialogue()
        var server = Self.nowhere
        var tls: TLSLeg?
        var isOpen = false
        var side = Side.server
        var isSkipped = false
        // The program's lines end with LF where the server's end with CRLF; a terminal gives both a CR more.
        var returns: Int?
        var hasServerEnds = false
        while let line = try lines.next() {
            guard line.isStart else {
                if !isSkipped { try deliver(.octets(side, line.octets, time: time)) }
                continue
            }
            var text = line.octets.last == 10 ? line.octets.dropLast() : line.octets
            let ends = text.reversed().prefix { $0 == 13 }.count
            text = text.dropLast(ends)
            let isOfServer = returns.map { ends > $0 } ?? false
            hasServerEnds = hasServerEnds || isOfServer
            isSkipped = true
            // A message may have lines like those of the program.
            switch dialogue.isInContent ? .session : noise.take(text) {
            case .noise:
                returns = min(returns ?? ends, ends)
                continue
            case .connecting(let host):
                if let address = IPAddress(host) { server.address = address }
                continue
            case .secured(let version, let cipher):
                if !isOpen { tls = TLSLeg(version: version, cipher: cipher, serverName: nil, how: .implicit) }
                continue
            case .closed:
                if isOpen { try deliver(.closed(.fin, time: time)) }
                isOpen = false
                continue
            case .session: break
            }
            if !isOpen {
                isOpen = true
                // With -starttls the program shows nothing of what came before TLS.
                let isWhole = Self.isGreeting(text)
                if !isWhole { tls?.how = .starttls }
                try deliver(.opened(server: server, time: time, isWhole: isWhole, format: .openssl))
                if let tls { try deliver(.secured(tls, time: time)) }
            }
            isSkipped = false
            let isWhole = line.octets.last == 10
            side = dialogue.side(of: text + [13, 10])
            if isOfServer { side = .server } else if hasServerEnds, line.octets.last == 10 { side = .client }
            try deliver(.octets(side, isWhole ? text + [13, 10] : text, time: time))
        }
        if isOpen { try deliver(.closed(.endOfCapture, time: time)) }
    }
}
