// What the settings say of a recording, read before anything is recorded.

import MailStore

extension Settings {
    /// The lines of `record.keep`.
    func keepingRules() throws -> [KeepingRule] {
        try list("record.keep").map { line in
            do throws(KeepingRuleError) { return try KeepingRule(line) } catch {
                throw CLIError.usage("\(place(of: line, in: "record.keep"))record.keep '\(line)': \(error)")
            }
        }
    }
}
