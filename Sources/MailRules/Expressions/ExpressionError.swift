// What is wrong with an expression, and where.

/// An error in an expression.
package struct ExpressionError: Error, Equatable, Sendable, CustomStringConvertible {
    package let message: String
    /// Offset in octets of the expression.
    package let offset: Int
    /// From 1, in the expression.
    package let line: Int
    /// From 1, in characters.
    package let column: Int

    init(_ message: String, at offset: Int, in text: [UInt8]) {
        self.message = message
        self.offset = offset
        var line = 1
        var column = 1
        for octet in text.prefix(offset) {
            if octet == 10 {
                line += 1
                column = 1
            } else if octet & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.line = line
        self.column = column
    }

    package var description: String { "\(line):\(column): \(message)" }
}
