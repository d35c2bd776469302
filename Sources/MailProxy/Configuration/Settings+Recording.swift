// What the settings say of a recording, read before anything is recorded.

import MailStore

extension Settings {
    /// Settings that a recorder takes while it records.
    static let ofRecorder = [
        "record.what", "record.secrets", "record.seal-key", "record.when-full", "record.compress",
        "record.compress-level",
        "record.keep-size", "record.keep-days", "record.keep",
    ]

    /// Takes what they say of when segments begin and are synced.
    func put(into options: inout Recorder.Settings) {
        if let size = number("record.segment-size") { options.segmentBytes = size }
        if let age = number("record.segment-age") { options.segmentAge = Int64(age) * 1_000_000 }
        if let day = text("record.midnight").flatMap({ RecordingDay(rawValue: $0) }) { options.day = day }
        switch text("record.sync") {
        case "session": options.sync = .session
        case "always": options.sync = .always
        default: break
        }
    }

    /// What they come to.
    func recorderOrders() throws -> Recorder.Orders {
        let (privacy, sealKey) = try privacy()
        return Recorder.Orders(
            privacy: privacy, sealKey: sealKey,
            whenFull: text("record.when-full").flatMap { Recorder.WhenFull(rawValue: $0) } ?? .slow,
            keeping: KeepingPolicy(
                level: text("record.compress") == "none" ? nil : number("record.compress-level") ?? 3,
                octets: number("record.keep-size").map { Int64($0) },
                age: number("record.keep-days").map { Int64($0) * 86_400_000_000 },
                rules: try keepingRules()))
    }

    /// The lines of `record.keep`.
    func keepingRules() throws -> [KeepingRule] {
        try list("record.keep").map { line in
            do throws(KeepingRuleError) { return try KeepingRule(line) } catch {
                throw CLIError.usage("\(place(of: line, in: "record.keep"))record.keep '\(line)': \(error)")
            }
        }
    }
}
