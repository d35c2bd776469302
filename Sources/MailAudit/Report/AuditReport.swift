// A report: what was found, of which files, and what to make of it.

import MailRecording

/// A report in the making of any format.
package struct AuditReport: Sendable {
    package var found: AuditFindings
    package var sources: [AuditSource]
    /// What wrote it: `mailproxy 0.6`.
    package var program: String
    /// When it was written; microseconds since 1970.
    package var made: Int64
    /// An earlier report to compare with; nil without one.
    package var baseline: AuditBaseline?
    /// The command that wrote it, as a shell takes it; empty when it is not known.
    package var command = ""

    package init(
        found: AuditFindings, sources: [AuditSource], program: String, made: Int64, baseline: AuditBaseline? = nil
    ) {
        self.found = found
        self.sources = sources
        self.program = program
        self.made = made
        self.baseline = baseline
    }

    /// The answer in one word, for machines: `critical`, …, `info`, or `clear` when nothing was found.
    package var verdict: String { found.worst?.rawValue ?? "clear" }

    /// The answer in a sentence or two.
    package var sentence: String { sentences.joined(separator: " ") }

    /// The answer, the gravest first; never empty.
    package var sentences: [String] {
        guard found.sessions > 0 else {
            // What is missing may have been mail.
            let missing = found.findings.filter { $0.kind.area == .evidence && $0.severity >= .low }
            return ["No mail session was found: there is nothing to judge."] + missing.map { $0.kind.title + "." }
        }
        let accounts = found.accounts.count { $0.isExposed }
        let refused = found.accounts.count { !$0.isExposed && $0.clearRefused > 0 }
        let accepted = found.accounts.count { $0.clearAccepted > 0 }
        // Not the rows: beyond their limit messages are counted only.
        let messages = found.findings.first { $0.kind == .messagesInClear }?.count ?? 0
        var parts: [String] = []
        if accounts > 0 {
            let who =
                accepted < accounts
                ? "\(Figures.grouped(accepted)) of them \(accepted == 1 ? "was" : "were")"
                : "all of them were"
            let works =
                accepted == 0 ? "" : accounts == 1 ? " and were seen to work" : "; \(who) seen to work"
            parts.append("Credentials of \(Figures.count(accounts, "account")) crossed the network in clear\(works).")
        }
        if refused > 0 {
            let many = accounts > 0 ? "\(Figures.grouped(refused)) more" : Figures.count(refused, "account")
            parts.append("Of \(many) only refused logins were seen in clear.")
        }
        if messages > 0 { parts.append("\(Figures.count(messages, "message")) could be read on the way.") }
        let attacks = found.findings.filter { $0.kind.area == .attacks && $0.severity >= .high }
        let injected = found.findings.filter { [FindingKind.injection, .replyInjection].contains($0.kind) }
        if let worst = (injected + attacks).max(by: { $0.severity < $1.severity }) {
            parts.append("There are signs of an attack: \(worst.kind.title.lowercasedFirst).")
        }
        if parts.isEmpty {
            let all =
                found.sessions == 1 ? "The one session was" : "All \(Figures.grouped(found.sessions)) sessions were"
            parts.append(
                found.clearSessions == 0
                    ? "\(all) under TLS." : "No credential and no message crossed the network in clear.")
            let rest = found.findings.filter { $0.kind.area != .evidence && $0.severity >= .medium }
            if let worst = rest.max(by: { $0.severity < $1.severity }) {
                parts.append("What is to be looked at first: \(worst.kind.title.lowercasedFirst).")
            }
        }
        return parts
    }

    /// What to do first: remedies with the findings that they end, the gravest first.
    package var tasks: [(remedy: Remedy, findings: [Finding])] {
        var order: [Remedy] = []
        var findings: [Remedy: [Finding]] = [:]
        for finding in found.findings where finding.severity >= .low && finding.kind.area != .evidence {
            if findings[finding.kind.remedy] == nil { order.append(finding.kind.remedy) }
            findings[finding.kind.remedy, default: []].append(finding)
        }
        return order.map { ($0, findings[$0] ?? []) }
    }

    /// Whether something is as grave as that, or graver. Limits of the evidence don't count.
    package func reaches(_ severity: Severity) -> Bool {
        found.findings.contains { $0.severity >= severity && $0.kind.area != .evidence }
    }
}

extension String {
    /// With its first letter in lower case, unless it is a word in capitals.
    var lowercasedFirst: String {
        guard let first, dropFirst().first?.isUppercase != true else { return self }
        return first.lowercased() + dropFirst()
    }
}
