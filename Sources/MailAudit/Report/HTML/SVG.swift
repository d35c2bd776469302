// The few shapes of which the figures are made, and bars.

import MailRecording

/// Shapes. Coordinates are whole numbers of the drawing's own units.
enum SVG {
    /// The start of a drawing, with what it shows for those who can't see it.
    static func open(
        _ id: String, _ width: Int, _ height: Int, _ title: String, _ description: String, _ html: inout Markup
    ) {
        html.open(
            "svg",
            [
                "viewBox": "0 0 \(width) \(height)", "role": "img",
                "aria-labelledby": "\(id)-title \(id)-desc",
            ])
        html.element("title", ["id": "\(id)-title"], text: title)
        html.element("desc", ["id": "\(id)-desc"], text: description)
    }

    static func rectangle(_ x: Int, _ y: Int, _ width: Int, _ height: Int, _ shade: String, _ html: inout Markup) {
        guard width > 0, height > 0 else { return }
        html.open(
            "rect",
            ["x": String(x), "y": String(y), "width": String(width), "height": String(height), "class": shade])
        html.close("rect")
    }

    static func line(_ x1: Int, _ y1: Int, _ x2: Int, _ y2: Int, _ shade: String, _ html: inout Markup) {
        html.open("path", ["class": shade, "d": "M\(x1) \(y1)L\(x2) \(y2)"])
        html.close("path")
    }

    static func text(_ x: Int, _ y: Int, _ style: String, _ text: String, _ html: inout Markup) {
        html.element("text", ["x": String(x), "y": String(y), "class": style], text: text)
    }

    /// A name that fits into a drawing: its middle is left out when it is long.
    static func short(_ name: String, _ most: Int) -> String {
        // Made inert first, so that what an escape becomes is counted.
        let name = InertText.of(name)
        guard name.count > most else { return name }
        let tail = most / 2
        return name.prefix(most - tail - 1) + "…" + name.suffix(tail)
    }
}

/// A row of a figure with bars.
struct BarRow {
    let label: String
    /// Shades and their numbers, from the left.
    let parts: [(shade: String, count: Int)]

    init(_ label: String, _ parts: [(shade: String, count: Int)]) {
        self.label = label
        self.parts = parts
    }

    var total: Int { parts.reduce(0) { $0 + $1.count } }

    static func draw(
        _ rows: [BarRow], _ id: String, _ title: String, _ description: String, _ html: inout Markup
    ) {
        let left = 190, width = 230, pitch = 24
        let most = max(1, rows.map(\.total).max() ?? 0)
        SVG.open(id, 480, rows.count * pitch + 8, title, description, &html)
        for (number, row) in rows.enumerated() {
            let y = 4 + number * pitch
            html.markup("<g>")
            html.element(
                "title",
                text: "\(row.label): "
                    + (row.parts.count == 1
                        ? Figures.grouped(row.total)
                        : row.parts.filter { $0.count > 0 }.map {
                            "\(Self.name($0.shade)) \(Figures.grouped($0.count))"
                        }
                        .joined(separator: ", ")))
            SVG.text(left - 8, y + 15, "label end", SVG.short(row.label, 27), &html)
            var x = left
            for part in row.parts where part.count > 0 {
                // A thing that is there is seen, however small beside the others.
                let length = max(3, Int(Double(part.count) / Double(most) * Double(width)))
                SVG.rectangle(x, y + 3, length, 16, part.shade, &html)
                x += length
            }
            SVG.text(x + 6, y + 15, "label", Figures.grouped(row.total), &html)
            html.markup("</g>")
        }
        html.markup("</svg>\n")
    }

    private static func name(_ shade: String) -> String {
        switch shade {
        case "clear": "in clear, worked:"
        case "hatched": "in clear, end not seen:"
        case "refused": "in clear, refused:"
        default: "under TLS:"
        }
    }
}

/// Scales that people can read.
enum NiceScale {
    /// The top of an axis from 0 that holds this: an even number of 1, 2 or 5 times a power of ten.
    static func top(_ most: Int) -> Int {
        var power = 1
        while true {
            for factor in [2, 4, 6, 10] where most <= factor &* power { return factor &* power }
            let (next, overflow) = power.multipliedReportingOverflow(by: 10)
            // Far beyond any number of sessions.
            guard !overflow, next < Int.max / 100 else { return Int.max / 1_000_000 }
            power = next
        }
    }
}

/// Buckets put together to at most 60 stretches of the same, readable length.
struct TimeSlots {
    static let most = 60
    private static let second: Int64 = 1_000_000
    private static let widths: [(seconds: Int64, text: String)] = [
        (1, "1 second"), (2, "2 seconds"), (5, "5 seconds"), (10, "10 seconds"), (15, "15 seconds"),
        (30, "30 seconds"), (60, "1 minute"), (120, "2 minutes"), (300, "5 minutes"), (600, "10 minutes"),
        (900, "15 minutes"), (1_800, "30 minutes"), (3_600, "1 hour"), (7_200, "2 hours"), (10_800, "3 hours"),
        (21_600, "6 hours"), (43_200, "12 hours"), (86_400, "1 day"), (172_800, "2 days"), (604_800, "1 week"),
        (1_209_600, "2 weeks"), (2_419_200, "4 weeks"), (31_536_000, "1 year"), (315_360_000, "10 years"),
    ]

    private(set) var slots: [AuditBucket] = []
    private(set) var widthText = ""
    private var width: Int64 = 0

    init(_ buckets: [AuditBucket]) {
        guard let first = buckets.map(\.start).min(), let last = buckets.map(\.start).max() else { return }
        let (difference, overflow) = last.subtractingReportingOverflow(first)
        let span = overflow ? Int64.max : difference
        let chosen =
            Self.widths.first { span / ($0.seconds * Self.second) < Int64(Self.most - 1) }
            // Times that no capture can have: all in a few stretches.
            ?? (9_000_000_000_000 / 60, "very long")
        (width, widthText) = (chosen.seconds * Self.second, chosen.text)
        // Weeks and years of 1970 begin on days that nobody knows: longer stretches begin with the first day.
        let grid = min(width, 86_400 * Self.second)
        let origin = first &- ((first % grid) &+ grid) % grid
        let count = min(Self.most, Int(clamping: (last &- origin) / width) + 1)
        guard count > 0 else { return }
        slots = (0..<count).map { AuditBucket(start: origin &+ Int64($0) &* width) }
        for bucket in buckets {
            let place = min(max(0, Int(clamping: (bucket.start &- origin) / width)), count - 1)
            slots[place].sessions += bucket.sessions
            slots[place].clearSessions += bucket.clearSessions
            slots[place].clearOctets += bucket.clearOctets
            slots[place].tlsOctets += bucket.tlsOctets
        }
    }

    /// A time on the axis: as much of it as the stretches are long.
    func label(_ time: Int64) -> String {
        let text = Timestamp.rfc3339(time)
        let date = text.prefix(10)
        if width >= 86_400 * Self.second { return String(date) }
        return "\(date) \(text.dropFirst(11).prefix(width >= 60 * Self.second ? 5 : 8))"
    }
}
