// IMAP under COMPRESS=DEFLATE (RFC 4978): what a fuzzed conversation says is deflated here, in blocks of several kinds, and
// must be followed like the same conversation in clear; or octets that are no deflate stream come in its place.

import MailDialogue

extension FuzzTarget {
    static let compressed = FuzzTarget(
        name: "imap-compressed", longest: 4096, words: "imap",
        invariant: "A conversation under COMPRESS gives the notes of the same one in clear, however it is cut."
    ) { input in
        let input = FuzzInput(input)
        var numbers = input.numbers
        let plain = BothSides.decode(input.octets)
        let dialogue = IMAPDialogue.forFuzzing(input)
        switch input.seed % 4 {
        case 0: garbage(plain, dialogue, &numbers)
        default: faithful(plain, dialogue, &numbers)
        }
    }

    private static func opening(_ verb: String) -> [Step] {
        [
            .octets(.server, Array("* OK ready\r\n".utf8)), .octets(.client, Array("z \(verb)\r\n".utf8)),
            .octets(.server, Array("z OK done\r\n".utf8)),
        ]
    }

    /// The octets are taken for a deflate stream.
    private static func garbage(_ plain: Conversation, _ dialogue: IMAPDialogue, _ numbers: inout SeededNumbers) {
        var conversation = Conversation()
        for step in opening("COMPRESS DEFLATE") + plain.steps { conversation.add(step) }
        conversation.check(dialogue, &numbers) { _ in nil }
    }

    private static func faithful(_ plain: Conversation, _ dialogue: IMAPDialogue, _ numbers: inout SeededNumbers) {
        var conversation = Conversation()
        var clear = Conversation()
        for step in opening("COMPRESS DEFLATE") { conversation.add(step) }
        for step in opening("NOOP") { clear.add(step) }
        for step in plain.steps {
            // A hole ends what can be inflated: another invariant.
            guard case .octets(let side, let octets) = step else { continue }
            clear.add(step)
            conversation.add(.octets(side, Deflater.deflate(octets, &numbers)))
        }
        let all = clear.octets(.client) + clear.octets(.server)
        // These end the compression, or begin another layer.
        let ends = ["compress", "unauthenticate", "starttls", "authenticate"].contains { all.holds($0) }
        let prefix: [Side: Int] = [
            .client: "z COMPRESS DEFLATE\r\n".utf8.count, .server: "* OK ready\r\nz OK done\r\n".utf8.count,
        ]
        let followed = conversation.check(dialogue, &numbers) { side in
            if ends { return nil }
            return Array(conversation.octets(side).prefix(prefix[side] ?? 0)) + plain.octets(side)
        }
        if ends { return }
        let reference = Conversation.follow(clear.steps, dialogue)
        for side in Side.allCases {
            // The command that differs, and its reply, are the first notes.
            let ours = followed.notes.joined(side).dropFirst(side == .client ? 1 : 2)
            let theirs = reference.notes.joined(side).dropFirst(side == .client ? 1 : 2)
            for (our, their) in zip(ours, theirs) {
                must(our == their, "under COMPRESS\n  \(our.shown)\nin place of\n  \(their.shown)")
            }
            must(ours.count == theirs.count, "under COMPRESS \(ours.count) notes in place of \(theirs.count)")
        }
    }
}

/// Makes deflate streams (RFC 1951) that compress nothing: blocks that are stored, and blocks of literals in the fixed code.
enum Deflater {
    static func deflate(_ octets: [UInt8], _ numbers: inout SeededNumbers) -> [UInt8] {
        var out: [UInt8] = []
        var rest = octets[...]
        while !rest.isEmpty {
            let piece = rest.prefix(numbers.oneIn(2) ? numbers.size() : 60_000)
            rest = rest.dropFirst(piece.count)
            out += numbers.oneIn(2) ? stored(piece) : fixed(piece)
        }
        return out
    }

    /// RFC 1951 §3.2.4.
    private static func stored(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        let count = UInt16(octets.count)
        return [0, UInt8(count & 255), UInt8(count >> 8), UInt8(~count & 255), UInt8(~count >> 8)] + octets
    }

    /// RFC 1951 §3.2.6, then an empty stored block, which begins at the next octet.
    private static func fixed(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        var bits: UInt32 = 0b010
        var filled: UInt32 = 3
        func put(_ code: UInt32, _ length: UInt32) {
            // Codes begin with their most significant bit.
            for at in (0..<length).reversed() {
                bits |= (code >> at & 1) << filled
                filled += 1
                if filled == 8 {
                    out.append(UInt8(bits))
                    bits = 0
                    filled = 0
                }
            }
        }
        for octet in octets {
            if octet < 144 { put(0x30 + UInt32(octet), 8) } else { put(0x190 + UInt32(octet) - 144, 9) }
        }
        put(0, 7)
        put(0, 3)
        if filled > 0 { out.append(UInt8(bits)) }
        return out + [0, 0, 255, 255]
    }
}

extension [UInt8] {
    /// The word stands somewhere in the octets, in whatever case.
    fileprivate func holds(_ word: String) -> Bool {
        String(decoding: map { $0 < 128 ? $0 : 63 }, as: UTF8.self).lowercased().contains(word)
    }
}
