// Tables for people: columns as wide as their cells need.

/// Lays out the cells of a table whose rows are all there.
package enum TextTable {
    /// The rows as lines, two spaces between columns, nothing behind the last cell.
    /// - Parameter left: columns whose cells stand left, as words do; those of numbers stand right.
    package static func text(_ rows: [[String]], left: Set<Int>) -> String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column < widths.count {
                    widths[column] = max(widths[column], cell.count)
                } else {
                    widths.append(cell.count)
                }
            }
        }
        var text = ""
        for row in rows {
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                let isLast = column == row.count - 1
                text += left.contains(column) ? cell + (isLast ? "" : padding) : padding + cell
                if !isLast { text += "  " }
            }
            text += "\n"
        }
        return text
    }
}
