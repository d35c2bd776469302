// What is wrong with a rule file.

/// A message about a place in a file.
package struct RuleProblem: Equatable, Sendable {
    package enum Severity: String, Sendable { case error, warning }

    package let file: String
    /// From 1.
    package let line: Int
    /// From 1, in characters.
    package let column: Int
    package let severity: Severity
    package let message: String

    package init(file: String, line: Int, column: Int, severity: Severity, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.severity = severity
        self.message = message
    }

    /// `file:line:column: severity: message`
    package var text: String { "\(file):\(line):\(column): \(severity.rawValue): \(message)" }
}
