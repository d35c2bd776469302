// HTML in the making. What is markup stands in the source as a literal, and the compiler sees to it (`StaticString`): a text of
// the wire can get into a page only through ``Markup/text(_:)`` or as the value of an attribute, and both make it inert and
// escape it.

import MailRecording

/// A piece of HTML.
struct Markup: Sendable {
    /// Names of attributes with their values.
    typealias Attributes = KeyValuePairs<StaticString, String>

    /// What was written so far.
    private(set) var html = ""

    /// Markup, word for word.
    mutating func markup(_ literal: StaticString) { html += literal.description }

    /// Text: controls and direction marks become visible escapes, signs of HTML become references.
    mutating func text(_ text: String) { HTMLText.escape(InertText.of(text), to: &html) }

    /// The start of an element.
    mutating func open(_ tag: StaticString, _ attributes: Attributes = [:]) {
        html += "<" + tag.description
        for (name, value) in attributes {
            html += " " + name.description + "=\""
            text(value)
            html += "\""
        }
        html += ">"
    }

    /// The end of an element.
    mutating func close(_ tag: StaticString) { html += "</" + tag.description + ">" }

    /// An element with what `body` writes in it.
    mutating func element(
        _ tag: StaticString, _ attributes: Attributes = [:], _ body: (inout Markup) -> Void
    ) {
        open(tag, attributes)
        body(&self)
        close(tag)
    }

    /// An element with text.
    mutating func element(_ tag: StaticString, _ attributes: Attributes = [:], text: String) {
        open(tag, attributes)
        self.text(text)
        close(tag)
    }

    /// A line end, for those who read the source.
    mutating func line() { html += "\n" }
}

extension Markup {
    /// A table with a head that is repeated on every page, and whose cells know the name of their column: on a narrow screen
    /// each row becomes a card.
    /// - Parameters:
    ///   - columns: the names, and whether the column holds numbers.
    ///   - style: `rows`, `rows wide` for many columns, `rows places` for evidence.
    mutating func table(
        _ caption: String, _ columns: [(name: String, isNumber: Bool)], _ rows: [[Cell]], style: String = "rows"
    ) {
        open("table", ["class": style])
        element("caption", text: caption)
        element("thead") { html in
            html.element("tr") { html in
                for column in columns {
                    html.element(
                        "th", ["scope": "col", "class": column.isNumber ? "number" : "words"], text: column.name)
                }
            }
        }
        line()
        element("tbody") { html in
            for row in rows {
                html.element("tr") { html in
                    for (column, cell) in zip(columns, row) {
                        html.element(
                            "td", ["data-label": column.name, "class": column.isNumber ? "number" : "words"]
                        ) { cell.write(&$0) }
                    }
                }
                html.line()
            }
        }
        close("table")
        line()
    }

    /// What stands in a cell.
    struct Cell {
        let write: (inout Markup) -> Void

        init(_ write: @escaping (inout Markup) -> Void) { self.write = write }
        /// Text; a dash when there is none.
        init(_ text: String) { write = { $0.text(text.isEmpty ? "–" : text) } }
        init(_ number: Int) { write = { $0.text(Figures.grouped(number)) } }
        /// Texts, one below the other, the first few of them.
        init(_ texts: [String], most: Int = 6) {
            write = { html in
                if texts.isEmpty { html.text("–") }
                for (number, text) in texts.prefix(most).enumerated() {
                    if number > 0 { html.markup("<br>") }
                    html.element("bdi", text: text)
                }
                if texts.count > most {
                    html.markup("<br>")
                    html.text("and \(Figures.grouped(texts.count - most)) more")
                }
            }
        }
        /// Letters of one width: addresses, marks, hashes.
        static func code(_ text: String) -> Cell {
            Cell { html in
                if text.isEmpty { html.text("–") } else { html.element("code", text: text) }
            }
        }
    }
}
