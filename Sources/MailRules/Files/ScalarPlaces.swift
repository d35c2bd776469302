// Finds the place in a YAML file of a character of a scalar, so that an error in an expression is shown where it stands,
// through quotes, escapes and folded lines.

import Yams

/// The places of a scalar's octets in its file.
struct ScalarPlaces {
    private let scalar: Node.Scalar
    private let source: [[Unicode.Scalar]]

    /// `source` are the lines of the file.
    init(_ scalar: Node.Scalar, source: [[Unicode.Scalar]]) {
        self.scalar = scalar
        self.source = source
    }

    /// The place of the octet `offset` of the scalar's text: line and column from 1.
    func place(_ offset: Int) -> (line: Int, column: Int) {
        guard let mark = scalar.mark else { return (1, 1) }
        var line = mark.line - 1
        var column = mark.column - 1
        switch scalar.style {
        case .singleQuoted, .doubleQuoted: column += 1
        case .literal, .folded:
            line += 1
            column = 0
            skipBlank(&line, &column)
        case .plain, .any: break
        }
        var seen = 0
        for character in scalar.string.unicodeScalars {
            if Self.isBlank(character) {
                // Blanks of the text may stand for a line end with the indentation behind it.
                if seen >= offset { break }
            } else {
                if Self.isBlank(at(line, column)) { skipBlank(&line, &column) }
                if seen >= offset { break }
            }
            seen += UTF8.width(character)
            advance(&line, &column, character)
        }
        return (line + 1, column + 1)
    }

    private func at(_ line: Int, _ column: Int) -> Unicode.Scalar {
        guard line >= 0, line < source.count else { return "." }
        return column < source[line].count ? source[line][column] : "\n"
    }

    private static func isBlank(_ character: Unicode.Scalar) -> Bool {
        character == " " || character == "\n" || character == "\t" || character == "\r"
    }

    private func skipBlank(_ line: inout Int, _ column: inout Int) {
        while line < source.count, Self.isBlank(at(line, column)) {
            if column < source[line].count {
                column += 1
            } else {
                line += 1
                column = 0
            }
        }
    }

    /// Behind what stands for `character` in the source.
    private func advance(_ line: inout Int, _ column: inout Int, _ character: Unicode.Scalar) {
        let here = at(line, column)
        switch scalar.style {
        case .doubleQuoted where here == "\\":
            switch at(line, column + 1) {
            case "x": column += 4
            case "u": column += 6
            case "U": column += 10
            default: column += 2
            }
        case .singleQuoted where here == "'": column += 2
        case .doubleQuoted, .singleQuoted, .plain, .any, .literal, .folded:
            if Self.isBlank(character), Self.isBlank(here), column >= lineLength(line) {
                line += 1
                column = 0
            } else {
                column += 1
            }
        }
    }

    private func lineLength(_ line: Int) -> Int { line >= 0 && line < source.count ? source[line].count : 0 }
}
