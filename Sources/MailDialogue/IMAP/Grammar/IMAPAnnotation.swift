// Annotations of messages (ANNOTATE-EXPERIMENT-1, RFC 5257): what FETCH and SEARCH ask for, what STORE and APPEND set, and what
// FETCH tells.

/// The annotations of an entry: `/comment (value.priv "x")`.
package struct IMAPAnnotation: Equatable, Sendable {
    /// The path, with slashes.
    package var entry: IMAPSpan
    /// Attributes with their values, `.none` for NIL; none where only the entry is told (RFC 5257 §4.4).
    package var values: [IMAPPair]
}

/// The limit of a mailbox that ANNOTATIONS tells (RFC 5257 §5, ann-size).
package enum IMAPAnnotationSize: Equatable, Sendable {
    /// None can be kept.
    case none
    case readOnly
    /// Octets of the largest value.
    case octets(UInt32)
}

extension IMAPLexer {
    /// `"(" entry-att *(SP entry-att) ")"`.
    mutating func annotations() -> [IMAPAnnotation] {
        var all: [IMAPAnnotation] = []
        list(allowsEmpty: false) { lexer in
            let entry = lexer.annotationEntry()
            lexer.space()
            all.append(IMAPAnnotation(entry: entry, values: lexer.annotationValues()))
        }
        return all
    }

    /// What FETCH tells: entries with their values, or entries alone.
    mutating func fetchedAnnotations() -> [IMAPAnnotation] {
        var all: [IMAPAnnotation] = []
        list(allowsEmpty: false) { lexer in
            let entry = lexer.annotationEntry()
            var values: [IMAPPair] = []
            if lexer.next == 32, lexer.peek(1) == UInt8(ascii: "(") {
                lexer.space()
                values = lexer.annotationValues()
            }
            all.append(IMAPAnnotation(entry: entry, values: values))
        }
        return all
    }

    private mutating func annotationValues() -> [IMAPPair] {
        var values: [IMAPPair] = []
        list(allowsEmpty: false) { lexer in
            let name = lexer.annotationAttribute()
            lexer.space()
            values.append(IMAPPair(name: name, value: lexer.nstring(allows8: true)))
        }
        return values
    }

    /// `"(" entries SP attribs ")"` of FETCH: one of each, or a list.
    mutating func annotationRequest() -> (entries: [IMAPSpan], attributes: [IMAPSpan]) {
        var entries: [IMAPSpan] = []
        var attributes: [IMAPSpan] = []
        expect(UInt8(ascii: "("))
        if next == UInt8(ascii: "(") {
            list(allowsEmpty: false) { entries.append($0.annotationEntry(isPattern: true)) }
        } else {
            entries.append(annotationEntry(isPattern: true))
        }
        space()
        if next == UInt8(ascii: "(") {
            list(allowsEmpty: false) { attributes.append($0.annotationAttribute()) }
        } else {
            attributes.append(annotationAttribute())
        }
        close()
        return (entries, attributes)
    }

    /// entry or entry-match: begins with "/"; wildcards only where entries are looked for.
    mutating func annotationEntry(isPattern: Bool = false) -> IMAPSpan {
        let start = at
        let span: IMAPSpan
        if isPattern, next != UInt8(ascii: "\""), !isLiteral {
            span = run(IMAPOctet.isList)
            if span.count == 0 { fail(.unexpected) }
        } else {
            span = astring()
        }
        guard !failed, span.form != .omitted else { return span }
        let isPath = octet(Int(span.start)) == UInt8(ascii: "/") || isPattern && isWildcard(octet(Int(span.start)))
        if !isPath || !isPattern && hasWildcard(span) { note(.badAnnotation, at: start) }
        return span
    }

    /// attrib: no wildcards.
    private mutating func annotationAttribute() -> IMAPSpan {
        let start = at
        let span = astring()
        guard !failed, span.form != .omitted else { return span }
        if span.count == 0 || hasWildcard(span) { note(.badAnnotation, at: start) }
        return span
    }

    private func isWildcard(_ octet: UInt8) -> Bool { octet == UInt8(ascii: "*") || octet == UInt8(ascii: "%") }

    private func hasWildcard(_ span: IMAPSpan) -> Bool {
        (Int(span.start)..<(Int(span.start) &+ Int(span.count))).contains { isWildcard(octet($0)) }
    }

    /// `"ANNOTATION" SP entry-match SP att-search SP value`, behind its name.
    mutating func annotationCriterion() -> IMAPSearchCriterion {
        space()
        let entry = annotationEntry(isPattern: true)
        space()
        let start = at
        let attribute = astring()
        let isSearched =
            isWord(attribute, "VALUE") || isWord(attribute, "VALUE.PRIV") || isWord(attribute, "VALUE.SHARED")
        if !failed, !isSearched { note(.badAnnotation, at: start) }
        space()
        return .annotation(entry: entry, attribute: attribute, value: nstring(allows8: true))
    }

    /// `"ANNOTATION" SP entry SP att-sort`, behind its name.
    mutating func annotationSortKey() {
        space()
        _ = annotationEntry()
        space()
        let start = at
        let attribute = astring()
        if !failed, !isWord(attribute, "VALUE.PRIV"), !isWord(attribute, "VALUE.SHARED") {
            note(.badAnnotation, at: start)
        }
    }

    /// ann-size, behind ANNOTATIONS.
    mutating func annotationSize() -> IMAPResponseCode {
        space()
        if take(word: "NONE") { return .annotations(.none, allowsPrivate: true) }
        let size: IMAPAnnotationSize = take(word: "READ-ONLY") ? .readOnly : .octets(nonZero())
        guard take(32) else { return .annotations(size, allowsPrivate: true) }
        if !take(word: "NOPRIVATE") { fail(.badResponseCode) }
        return .annotations(size, allowsPrivate: false)
    }
}
