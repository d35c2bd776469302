// Costs for people and for programs. Times are shown in milliseconds with three places; JSON has seconds with six, as all of it.

import MailDialogue

/// Shows a ledger.
package struct CostRendering {
    /// What the parts of a key are, such as `client`, `command`.
    package var names: [String]

    package init(names: [String]) { self.names = names }

    // MARK: For people

    /// The table of groups with its total.
    /// - Parameters:
    ///   - most: groups that are shown.
    ///   - shown: how the value of a part is shown.
    package func text(_ ledger: CostLedger, most: Int, shown: (_ part: Int, String) -> String) -> String {
        let numbers = [
            "SESSIONS", "EXCH", "TRIPS", "CLIENT B", "SERVER B", "SERVER S", "FIRST P50", "P95", "DONE P50", "P95",
            "MAX",
            "THINK P50", "P95",
        ]
        var rows = [names.map { $0.uppercased() } + numbers]
        let groups = ledger.sorted
        for (key, tally) in groups.prefix(most) {
            let cells = key.parts.enumerated().map { part, value in
                value.isEmpty ? "-" : String(InertText.of(shown(part, value)).prefix(60))
            }
            rows.append(cells + Self.cells(tally))
        }
        rows.append(names.indices.map { $0 == 0 ? "total" : "" } + Self.cells(ledger.total))
        var text = TextTable.text(rows, left: Set(names.indices))
        if groups.count > most { text += "(\(Figures.count(groups.count - most, "group")) more)\n" }
        if !ledger.worst.isEmpty {
            text += "\n" + TextTable.text(Self.worst(ledger), left: [1, 3, 4, 5, 6])
        }
        return text
    }

    private static func cells(_ tally: CostTally) -> [String] {
        func number(_ value: Int?) -> String { value.map(Figures.grouped) ?? "-" }
        func time(_ value: Int64?) -> String { value.map(Figures.milliseconds) ?? "-" }
        return [
            Figures.grouped(tally.sessions), Figures.grouped(tally.exchanges), number(tally.roundTrips),
            number(tally.clientBytes), number(tally.serverBytes), Figures.seconds(tally.server.total),
            time(tally.first.value(50)), time(tally.first.value(95)), time(tally.server.value(50)),
            time(tally.server.value(95)), time(tally.server.count == 0 ? nil : tally.server.largest),
            time(tally.think.value(50)), time(tally.think.value(95)),
        ]
    }

    private static func worst(_ ledger: CostLedger) -> [[String]] {
        [["WORST", "SESSION", "EXCH", "TIME", "CLIENT", "USER", "COMMAND"]]
            + ledger.worst.map { one in
                let line = one.cost.line.isEmpty ? one.cost.command : one.cost.line
                return [
                    Figures.milliseconds(one.cost.server ?? 0), InertText.of(one.session), "\(one.cost.number)",
                    Timestamp.rfc3339(one.cost.time), one.client,
                    one.user.map { String(InertText.of($0).prefix(40)) } ?? "-",
                    String(InertText.of(line).prefix(80)),
                ]
            }
    }

    // MARK: For programs

    /// A JSON line a group, then one of the total, then one for each of the worst.
    package func lines(_ ledger: CostLedger, most: Int) -> [String] {
        var lines = ledger.sorted.prefix(most).map { line($0.tally, key: $0.key.parts) }
        lines.append(line(ledger.total, key: nil))
        for (place, one) in ledger.worst.enumerated() {
            var json = JSONWriter()
            json.object { json in
                json.member("worst", place + 1)
                json.member("session", one.session)
                json.member("exchange", one.cost.number)
                json.member("time", time: one.cost.time)
                json.member("client", one.client)
                json.member("user", one.user)
                json.member("command", one.cost.command)
                json.member("line", one.cost.line)
                json.object("bytes") { json in
                    json.member("client", one.cost.clientBytes)
                    json.member("server", one.cost.serverBytes)
                }
                json.member("round_trips", one.cost.roundTrips)
                Self.seconds("first", one.cost.first, &json)
                Self.seconds("server", one.cost.server, &json)
            }
            lines.append(json.text)
        }
        return lines
    }

    /// - Parameter key: nil for the total.
    private func line(_ tally: CostTally, key: [String]?) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("by", key == nil ? [] : names)
            json.member("key", key ?? [])
            json.member("total", key == nil)
            json.member("sessions", tally.sessions)
            json.member("exchanges", tally.exchanges)
            json.member("round_trips", tally.roundTrips)
            json.object("bytes") { json in
                json.member("client", tally.clientBytes)
                json.member("server", tally.serverBytes)
            }
            for (name, times) in [("first", tally.first), ("server", tally.server), ("think", tally.think)] {
                json.object(name) { json in
                    json.member("count", times.count)
                    json.member("seconds", seconds: times.total)
                    Self.seconds("p50", times.value(50), &json)
                    Self.seconds("p95", times.value(95), &json)
                    Self.seconds("max", times.count == 0 ? nil : times.largest, &json)
                    json.member("exact", times.isExact)
                }
            }
        }
        return json.text
    }

    private static func seconds(_ name: String, _ value: Int64?, _ json: inout JSONWriter) {
        if let value { json.member(name, seconds: value) } else { json.member(name, nil as String?) }
    }
}

extension Figures {
    /// Milliseconds with three places, from microseconds: `1.204`.
    package static func milliseconds(_ microseconds: Int64) -> String {
        seconds(microseconds.multipliedReportingOverflow(by: 1000).overflow ? Int64.max : microseconds &* 1000)
    }
}
