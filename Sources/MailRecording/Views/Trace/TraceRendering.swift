// The way of a message for people and for programs.

import MailDialogue

/// Shows traces.
package enum TraceRendering {
    /// Changes of a body that are shown.
    private static let mostLines = 20
    private static let longestText = 160

    private static func inert(_ text: String) -> String {
        let text = InertText.of(text)
        return text.count > longestText ? text.prefix(longestText) + "…" : text
    }

    // MARK: For people

    package static func text(_ trace: MessageTrace) -> String {
        var text = "<\(inert(trace.id))>: \(Figures.count(trace.stations.count, "station"))"
        text += " in \(Figures.count(Set(trace.stations.map(\.info.id)).count, "session"))\n"
        if let first = trace.stations.first {
            for (name, value) in [("From", first.value("From")), ("Subject", first.value("Subject"))] {
                if let value { text += "\(name): \(inert(value))\n" }
            }
        }
        for place in trace.stations.indices { text += "\n" + station(place, trace) }
        if trace.notKept > 0 { text += "\n(\(Figures.count(trace.notKept, "station")) more)\n" }
        if !trace.remarks.isEmpty {
            text += "\n"
            for remark in trace.remarks {
                let whom = remark.recipient.map { " \(inert($0)):" } ?? ""
                text += "\(remark.kind.rawValue)  station \(remark.station + 1):\(whom) \(inert(remark.text))\n"
            }
        }
        return text
    }

    private static func station(_ place: Int, _ trace: MessageTrace) -> String {
        let station = trace.stations[place]
        let info = station.info
        var lines: [String] = []
        let number = "\(place + 1)"
        let indent = String(repeating: " ", count: number.count + 2)
        lines.append(
            "\(number)  \(Timestamp.rfc3339(station.began))  \(info.mailProtocol.rawValue) \(station.carrier.rawValue)  "
                + "\(info.client) to \(info.upstream ?? info.server)  session \(inert(info.id)), exchange \(station.exchange)"
        )
        if let sender = station.sender {
            lines.append("envelope  from <\(inert(sender))>")
            for recipient in station.recipients {
                lines.append(
                    "          to <\(inert(recipient.address))>: \(recipient.reply.isEmpty ? "no reply" : inert(recipient.reply))"
                )
            }
        } else {
            var parts: [String] = []
            if let user = station.user { parts.append("user \(inert(user))") }
            if let mailbox = station.mailbox { parts.append("mailbox \(inert(mailbox))") }
            if let uid = station.uid {
                parts.append("UID \(uid)")
            } else if let number = station.number {
                parts.append("number \(number)")
            }
            if !station.reply.isEmpty { parts.append(inert(station.reply)) }
            if !parts.isEmpty { lines.append("mailbox   " + parts.joined(separator: ", ")) }
        }
        var content = "content   \(Figures.count(station.bytes, "octet"))"
        if station.isLeftOut {
            content += ", not all of them recorded"
        } else {
            content += station.isComplete ? "" : " (incomplete)"
            content += ", SHA-256 \(station.sha256.prefix(16))…, body \(station.bodySHA256.prefix(16))…"
        }
        lines.append(content + ", \(station.received.count) Received")
        if let link = trace.links[place] { lines += self.lines(of: link, station) }
        return lines.enumerated().map { $0.offset == 0 ? $0.element + "\n" : indent + $0.element + "\n" }.joined()
    }

    private static func lines(of link: TraceLink, _ station: TraceStation) -> [String] {
        var lines: [String] = []
        var from =
            "from      station \(link.source + 1)\(link.isProven ? "" : " (by the time alone)"), \(Figures.seconds(link.delay)) s behind its verdict"
        if let queue = link.queue { from += ", in the queue as \(inert(queue))" }
        lines.append(from)
        for hop in station.received.prefix(link.hops) {
            var parts = ["by \(inert(hop.by))"]
            if !hop.with.isEmpty { parts.append("with \(inert(hop.with))") }
            if !hop.id.isEmpty { parts.append("id \(inert(hop.id))") }
            if let time = hop.time { parts.append(String(Timestamp.rfc3339(time).prefix(19)) + "Z") }
            lines.append("hop       " + parts.joined(separator: " "))
        }
        for change in link.change.header {
            switch change {
            case .removed(let field): lines.append("header    - \(inert("\(field.name): \(field.value)"))")
            case .added(let field): lines.append("header    + \(inert("\(field.name): \(field.value)"))")
            }
        }
        switch link.change.body {
        case .same: lines.append("body      the same")
        case .lineEnds: lines.append("body      the same but for line ends")
        case .unknown: lines.append("body      not compared: not all of it passed")
        case .changed:
            lines.append(
                "body      changed\(link.change.lines.isEmpty ? "" : " from line \(link.change.firstLine) on")")
            for change in link.change.lines.prefix(mostLines) {
                switch change {
                case .removed(let line): lines.append("          - \(inert(line))")
                case .added(let line): lines.append("          + \(inert(line))")
                }
            }
            let more = link.change.lines.count - mostLines
            if more > 0 { lines.append("          (\(Figures.count(more, "line")) more)") }
        }
        return lines
    }

    // MARK: For programs

    /// A JSON line for each station, then one for each remark.
    package static func lines(_ trace: MessageTrace) -> [String] {
        trace.stations.indices.map { line($0, trace) }
            + trace.remarks.map { remark in
                var json = JSONWriter()
                json.object { json in
                    json.member("remark", remark.kind.rawValue)
                    json.member("station", remark.station + 1)
                    json.member("recipient", remark.recipient)
                    json.member("text", remark.text)
                }
                return json.text
            }
    }

    private static func line(_ place: Int, _ trace: MessageTrace) -> String {
        let station = trace.stations[place]
        let info = station.info
        var json = JSONWriter()
        json.object { json in
            json.member("station", place + 1)
            json.member("message_id", trace.id)
            json.member("time", time: station.began)
            json.member("seconds", seconds: max(0, station.ended - station.began))
            json.member("judged", station.judged.map { Timestamp.rfc3339($0) })
            json.member("session", info.id)
            json.member("exchange", station.exchange)
            json.member("protocol", info.mailProtocol.rawValue)
            json.member("carrier", station.carrier.rawValue)
            json.member("client", info.client.description)
            json.member("server", (info.upstream ?? info.server).description)
            json.member("user", station.user)
            json.member("from", station.sender)
            json.array("recipients") { json in
                for recipient in station.recipients {
                    json.object { json in
                        json.member("to", recipient.address)
                        json.member("status", recipient.status?.rawValue)
                        json.member("reply", recipient.reply)
                    }
                }
            }
            json.member("status", station.status?.rawValue)
            json.member("reply", station.reply)
            json.member("mailbox", station.mailbox)
            json.member("uid", station.uid)
            json.member("number", station.number)
            json.member("complete", station.isComplete)
            json.member("left_out", station.isLeftOut)
            json.member("header_cut", station.headerIsCut)
            json.member("bytes", station.bytes)
            json.member("sha256", station.isLeftOut ? nil : station.sha256)
            json.member("body_sha256", station.isLeftOut ? nil : station.bodySHA256)
            json.array("received") { json in
                for hop in station.received {
                    json.object { json in
                        json.member("from", hop.from)
                        json.member("by", hop.by)
                        json.member("with", hop.with)
                        json.member("id", hop.id)
                        json.member("for", hop.recipient)
                        json.member("time", hop.time.map { Timestamp.rfc3339($0) })
                    }
                }
            }
            guard let link = trace.links[place] else {
                json.member("source", nil as Int?)
                return
            }
            json.member("source", link.source + 1)
            json.member("proven", link.isProven)
            json.member("delay", seconds: link.delay)
            json.member("queue", link.queue)
            json.member("hops", link.hops)
            json.object("changed") { json in
                json.array("removed") { json in
                    for case .removed(let field) in link.change.header { json.value("\(field.name): \(field.value)") }
                }
                json.array("added") { json in
                    for case .added(let field) in link.change.header { json.value("\(field.name): \(field.value)") }
                }
                json.member("body", link.change.body.rawValue)
                json.array("lines") { json in
                    for change in link.change.lines {
                        switch change {
                        case .removed(let line): json.value("-\(line)")
                        case .added(let line): json.value("+\(line)")
                        }
                    }
                }
            }
        }
        return json.text
    }
}
