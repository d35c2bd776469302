// What comes before a session: PROXY headers, the words of SOCKS, first octets, networks, and the first words with an upstream.

import MailDialogue
import MailRecording
import MailSessions

extension FuzzTarget {
    static let arrival = FuzzTarget(
        name: "arrival", longest: 2048, words: "arrival",
        invariant: "What comes before a session is understood the same however it is cut, and once understood stays so."
    ) { input in
        let input = FuzzInput(input)
        var numbers = input.numbers
        switch input.seed % 5 {
        case 0: readHeader(input.octets)
        case 1: converse(input.octets, &numbers)
        case 2: recognise(input.octets)
        case 3: introduce(input.octets, &numbers)
        default: readNetwork(input.octets)
        }
    }

    private static func readHeader(_ octets: [UInt8]) {
        let whole = ProxyHeader.read(octets[...])
        for count in octets.indices {
            let part = ProxyHeader.read(octets[..<count])
            switch part {
            case .incomplete:
                if case .header(_, let length) = whole { must(count < length, "\(octets.shown) was whole before") }
            case .header, .refused: must(part == whole, "\(octets.shown) is \(part), then \(whole)")
            }
        }
        guard case .header(let header, let count) = whole else { return }
        must(count <= octets.count && count <= ProxyHeader.longest, "a header of \(count) octets")
        // What we would send on says the same, in the family of both ends.
        let again = header.octets
        guard case .header(let read, again.count) = ProxyHeader.read(again[...]) else {
            broken("\(again.shown) does not read back")
        }
        must(read == header, "\(header) reads back as \(read)")
    }

    private static let users = SOCKSUsers(lines: "you:secret\n")

    private static func converse(_ octets: [UInt8], _ numbers: inout SeededNumbers) {
        for users in [nil, users] {
            let whole = steps(SOCKSServer(users: users), octets) { octets.count }
            let cut = steps(SOCKSServer(users: users), octets) { numbers.size() }
            must(whole.last == cut.last && whole.count == cut.count, "\(octets.shown): \(whole), cut \(cut)")
            must(whole.count <= 4, "more than four answers: \(whole)")
            let mayConnect = users == nil || octets.contains(Array("secret".utf8))
            if case .connect? = whole.last, !mayConnect { broken("\(octets.shown) came in without a password") }
        }
    }

    private static func steps(_ server: SOCKSServer, _ octets: [UInt8], _ size: () -> Int) -> [SOCKSServer.Step] {
        var server = server
        var found: [SOCKSServer.Step] = []
        var waiting = octets[..<0]
        while waiting.endIndex < octets.count || found.isEmpty {
            let end = min(octets.count, waiting.endIndex + max(1, size()))
            waiting = octets[waiting.startIndex..<end]
            while true {
                let (taken, step) = server.receive(waiting)
                must(taken <= waiting.count, "takes \(taken) of \(waiting.count)")
                waiting = waiting.dropFirst(taken)
                if step == .more { break }
                // How much of what nobody understands is refused at once depends on how much of it there is.
                found.append(step)
                if case .refuse = step { return found }
                if case .connect = step { return found }
            }
            if end == octets.count { return found }
        }
        return found
    }

    private static func recognise(_ octets: [UInt8]) {
        let whole = FirstOctets(of: octets[...])
        for count in octets.indices {
            let part = FirstOctets(of: octets[..<count])
            if part != .undecided { must(part == whole, "\(octets.shown) is \(part), then \(whole)") }
        }
        must(FirstOctets(of: octets[...], all: true) != .undecided, "\(octets.shown) stays undecided")
        let greeting = MailProtocol(greeting: octets[...])
        if octets.count >= 4 {
            must(MailProtocol(greeting: octets[..<4]) == greeting, "a greeting needs more than four octets")
        }
    }

    private static func introduce(_ octets: [UInt8], _ numbers: inout SeededNumbers) {
        for mailProtocol in [MailProtocol.smtp, .lmtp, .imap] {
            let whole = words(mailProtocol, octets) { octets.count }
            let cut = words(mailProtocol, octets) { numbers.size() }
            // All at once it speaks out of turn, and what it says too early is read when it was asked for.
            must(whole == cut, "\(octets.shown): \(whole), cut \(cut)")
            must(whole.count <= 2, "we say more than two things: \(whole)")
        }
    }

    /// What we say to a server.
    private static func words(_ mailProtocol: MailProtocol, _ octets: [UInt8], _ size: () -> Int) -> [[UInt8]] {
        let end = SocketAddress(IPAddress(v4: 0xC000_0201), 25)
        var introduction = UpstreamIntroduction(mailProtocol, name: "a.example", client: end, server: end)
        var said: [[UInt8]] = []
        var start = 0
        while start < octets.count {
            let next = min(octets.count, start + max(1, size()))
            var piece = octets[start..<next]
            start = next
            while true {
                switch introduction.receive(piece) {
                case .more: break
                case .send(let words):
                    said.append(words)
                    // What waits behind it is read on.
                    piece = []
                    continue
                case .done, .failed: return said
                }
                break
            }
        }
        return said
    }

    private static func readNetwork(_ octets: [UInt8]) {
        guard let network = IPNetwork(String(decoding: octets, as: UTF8.self)) else { return }
        let text = network.description
        must(IPNetwork(text) == network, "\(text) does not read back")
        if let address = IPAddress(String(text.prefix { $0 != "/" })) {
            must(network.contains(address), "\(text) does not hold its first address")
        }
    }
}

extension [UInt8] {
    /// The octets stand among these.
    fileprivate func contains(_ wanted: [UInt8]) -> Bool {
        indices.contains { self[$0...].starts(with: wanted) }
    }
}
