// Words that are searched for in messages: `invoice "final notice" remind* -paid`. By an index, or in a text that was read a moment ago,
// with the same engine, so that both find the same.

import MailMessage

/// What is wrong with words that are searched for.
package struct TextQueryError: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String
}

/// Words that are searched for. All of them must be in one message, in any order, in its header or its text. Case and accents do not
/// matter. A phrase stands in quotation marks, `*` behind a word stands for what may follow, `-` before one for a word that must not be
/// there, `header:` or `body:` before one says where it is looked for. In scripts without spaces any run of characters is a word.
package struct TextQuery: Equatable, Sendable {
    /// As it was written.
    package let text: String
    /// The same for FTS5 (https://www.sqlite.org/fts5.html#full_text_query_syntax).
    let match: String

    package init(_ text: String) throws(TextQueryError) {
        self.text = text
        var wanted: [String] = []
        var unwanted: [String] = []
        // By scalars: a quotation mark with an accent on it is one, whatever it looks like.
        var rest = Array(text.unicodeScalars)[...]
        while true {
            rest = rest.drop { $0.properties.isWhitespace }
            guard !rest.isEmpty else { break }
            var isUnwanted = false
            if rest.first == "-" {
                isUnwanted = true
                rest = rest.dropFirst()
            }
            var column = ""
            for name in ["header", "body"] where rest.starts(with: (name + ":").unicodeScalars) {
                column = name + " : "
                rest = rest.dropFirst(name.unicodeScalars.count + 1)
            }
            let words: ArraySlice<Unicode.Scalar>
            var isPrefix = false
            if rest.first == "\"" {
                let inner = rest.dropFirst()
                guard let end = inner.firstIndex(of: "\"") else {
                    throw TextQueryError(description: "a phrase begins with '\"' and does not end")
                }
                words = inner[..<end]
                rest = inner[(end + 1)...]
                if rest.first == "*" {
                    isPrefix = true
                    rest = rest.dropFirst()
                }
            } else {
                let word = rest.prefix { !$0.properties.isWhitespace && $0 != "\"" }
                rest = rest.dropFirst(word.count)
                isPrefix = word.last == "*"
                words = isPrefix ? word.dropLast() : word
            }
            var term = ""
            term.unicodeScalars.append(contentsOf: words)
            guard words.contains(where: { $0.properties.isAlphabetic || $0.properties.numericType != nil }) else {
                throw TextQueryError(description: "there is no letter or digit to look for in '\(term)'")
            }
            // What FTS5 does not take for letters or digits parts words; in quotation marks nothing of it is an operator.
            term = column + UnspacedWords.term(term, isPrefix ? "*" : "")
            if isUnwanted { unwanted.append(term) } else { wanted.append(term) }
        }
        guard wanted.count + unwanted.count <= Self.mostTerms else {
            throw TextQueryError(description: "there are more than \(Self.mostTerms) words to look for")
        }
        guard !wanted.isEmpty else {
            throw TextQueryError(
                description: unwanted.isEmpty
                    ? "there is no word to look for" : "only words that must not be there are given")
        }
        let all = wanted.map { "(\($0))" }.joined(separator: " AND ")
        let none = unwanted.map { "(\($0))" }.joined(separator: " OR ")
        match = unwanted.isEmpty ? all : "(\(all)) NOT (\(none))"
    }

    /// Words and phrases in one query.
    private static let mostTerms = 64
}

/// Looks for words in texts that are in no index. Not for several threads.
package final class TextMatcher {
    private let database: Database
    private let insert: Statement
    private let find: Statement
    private let remove: Statement

    package init(_ query: TextQuery) throws(DatabaseError) {
        database = try Database(path: ":memory:", .readWrite)
        try database.execute(
            "CREATE VIRTUAL TABLE texts USING fts5 (header, body, tokenize = 'unicode61 remove_diacritics 2')")
        insert = try database.prepare("INSERT INTO texts (rowid, header, body) VALUES (1, ?, ?)")
        find = try database.prepare("SELECT 1 FROM texts WHERE texts MATCH ?")
        find.bind(1, query.match)
        remove = try database.prepare("DELETE FROM texts")
    }

    /// The words are in the text.
    package func isFound(in text: MessageText) throws(DatabaseError) -> Bool {
        let words = text.words
        insert.bind(1, words.header)
        insert.bind(2, words.body)
        try insert.run()
        defer { try? remove.run() }
        defer { find.reset() }
        return try find.step()
    }
}
