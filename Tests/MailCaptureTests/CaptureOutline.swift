// What a capture holds, a line for each session: what a person would write down who reads it.

import MailCapture
import MailDialogue
import MailRecording

extension Reading {
    /// `pop3 USER PASS RETR×3 QUIT | RETR 120 + 98 + 30 not whole | USER alice accepted | 2: pop3-bare-lf
    /// pop3-early-talker | tls`: the protocol and the commands in the order in which each came first, the messages with
    /// their octets (a sum where there are many, "not whole" when some are), the credentials, how many breaches of a
    /// rule there are and of which, why it is not followed to its end, gaps. Parts with nothing in them are left out.
    /// - Parameter doubts: with what the packets leave in doubt, behind a `?`.
    func sessionLines(doubts: Bool = true) -> [String] {
        var rows: [String: [Exchange]] = [:]
        var records: [String: [MessageRecord]] = [:]
        var shown: [String: [CredentialRecord]] = [:]
        for event in events {
            switch event {
            case .exchange(let id, let row): rows[id, default: []].append(row)
            case .message(let id, let record): records[id, default: []].append(record)
            case .credential(let id, let record): shown[id, default: []].append(record)
            case .opened, .secured, .octets, .secret, .gap, .remark, .changed, .closed: break
            }
        }
        return summaries.map { summary in
            let id = summary.info.id
            var parts = [
                ([summary.info.mailProtocol.rawValue] + Self.commands(rows[id] ?? [])).joined(separator: " ")
            ]
            parts += Self.sizes(records[id] ?? [])
            parts += (shown[id] ?? []).map {
                "\($0.mechanism) \($0.account.isEmpty ? "-" : $0.account) \($0.outcome.rawValue)"
            }
            if summary.violations > 0 {
                // The credentials stand before; that they are in clear is true of all captures.
                let codes = summary.findings.filter { code in Violation.all.contains { $0.code == code } }
                parts.append("\(summary.violations): " + codes.joined(separator: " "))
            }
            if doubts, !summary.doubts.isEmpty {
                parts.append("? " + summary.doubts.map(\.kind.rawValue).joined(separator: " "))
            }
            if let opaque = summary.opaque { parts.append(opaque.rawValue) }
            if summary.gaps > 0 { parts.append("gaps \(summary.gaps)") }
            return parts.joined(separator: " | ")
        }
    }

    private static func commands(_ rows: [Exchange]) -> [String] {
        var counts: [String: Int] = [:]
        var order: [String] = []
        for row in rows.sorted(by: { $0.number < $1.number }) where row.number > 0 {
            let name = row.command.isEmpty ? "?" : row.command
            if counts[name] == nil { order.append(name) }
            counts[name, default: 0] += 1
        }
        return order.map { name in counts[name].map { $0 > 1 ? "\(name)×\($0)" : name } ?? name }
    }

    private static func sizes(_ records: [MessageRecord]) -> [String] {
        var order: [Carrier] = []
        for record in records where !order.contains(record.carrier) { order.append(record.carrier) }
        return order.map { carrier in
            let mine = records.filter { $0.carrier == carrier }
            let cut = mine.allSatisfy(\.complete) ? "" : " not whole"
            guard mine.count <= 4 else {
                return "\(carrier.rawValue)×\(mine.count) \(mine.map(\.bytes).reduce(0, +))\(cut)"
            }
            return carrier.rawValue + " "
                + mine.map { "\($0.bytes)" + ($0.complete ? "" : " not whole") }.joined(separator: " + ")
        }
    }
}
