// What a captured connection may begin with before there is mail in clear: tunnels, and TLS that is only looked at.

import MailCapture
import MailDialogue
import MailRecording

extension FuzzTarget {
    static let entrance = FuzzTarget(
        name: "entrance", longest: 4096, words: "arrival",
        invariant: "Tunnels and TLS are understood the same however octets are cut, and hold no more than their bounds."
    ) { input in
        let input = FuzzInput(input)
        var numbers = input.numbers
        let steps = BothSides.decode(input.octets).steps
        walk(steps, &numbers)
        look(steps, &numbers)
    }

    private static func pieces(_ steps: [Step], _ size: () -> Int) -> [Step] {
        steps.flatMap { step -> [Step] in
            switch step {
            case .gap: return [step]
            case .octets(let side, let octets):
                var rest = octets[...]
                var out: [Step] = []
                while !rest.isEmpty {
                    let piece = rest.prefix(max(1, size()))
                    rest = rest.dropFirst(piece.count)
                    out.append(.octets(side, Array(piece)))
                }
                return out
            }
        }
    }

    private static func walk(_ steps: [Step], _ numbers: inout SeededNumbers) {
        func run(_ steps: [Step]) -> (TunnelWalk.Verdict, client: [UInt8], server: [UInt8]) {
            var walk = TunnelWalk()
            var verdict = TunnelWalk.Verdict.undecided
            var rest: [FlowEvent] = []
            for step in steps {
                let event: FlowEvent
                switch step {
                case .octets(let side, let octets): event = .bytes(flow: 1, side: side, time: 0, octets[...], packet: 0)
                case .gap(let side, let count): event = .gap(flow: 1, side: side, count: count ?? 0, time: 0)
                }
                if verdict == .undecided { verdict = walk.accept(event) } else { rest.append(event) }
            }
            if verdict == .undecided { verdict = walk.accept(.closed(flow: 1, how: .fin, time: 0)) }
            must(verdict != .undecided, "it stays undecided")
            var sides: [Side: [UInt8]] = [:]
            for case .bytes(_, let side, _, let octets, packet: _) in walk.takeHeld() + rest {
                sides[side, default: []] += octets
            }
            return (verdict, sides[.client] ?? [], sides[.server] ?? [])
        }
        let whole = run(steps)
        let cut = run(pieces(steps) { numbers.size() })
        must(whole.0 == cut.0, "\(whole.0), cut \(cut.0)")
        must(whole.client == cut.client && whole.server == cut.server, "other octets are left of it when it is cut")
        guard case .none = whole.0 else { return }
        var sent = 0
        for case .octets(_, let octets) in steps { sent += octets.count }
        must(whole.client.count + whole.server.count == sent, "octets went with a tunnel that there is not")
    }

    private static func look(_ steps: [Step], _ numbers: inout SeededNumbers) {
        func run(_ steps: [Step]) -> TLSFollower {
            var follower = TLSFollower(how: .implicit)
            var pieces: [TLSFollower.Piece] = []
            for step in steps {
                switch step {
                case .octets(let side, let octets): follower.receive(octets[...], from: side, into: &pieces)
                case .gap(let side, let count): follower.lose(side, count ?? 1 << 20, into: &pieces)
                }
            }
            must(pieces.isEmpty, "something was opened without keys")
            follower.finish()
            return follower
        }
        let whole = run(steps)
        let cut = run(pieces(steps) { numbers.size() })
        must(whole.observation == cut.observation, "\(whole.observation), cut \(cut.observation)")
        must(whole.failure == cut.failure && whole.isForeign == cut.isForeign, "another end when it is cut")
        must(whole.reading == .sealed, "it can be opened without keys")
        must(whole.observation.certificates.allSatisfy { $0.names.count <= 256 }, "a certificate of too many names")
    }
}
