// What of a client's line may be a secret, though it is no login in good form: the masked form of the line.

extension IMAPDialogue {
    func maskUnlessCommand(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let isKnown = IMAPCommand(line.withoutLineEnd.line).isKnown
        return isKnown ? Self.maskLogin(line) : maskUnknown(line) ?? maskArguments(line)
    }

    /// A line that is no command with what may be a secret in it masked; nil when nothing may. Directly behind a login it may be
    /// anything that a hasty client sent, at any time later a response or password that came too late: base64 is one word,
    /// and so are most passwords. A literal at its end stays to be seen.
    func maskUnknown(_ raw: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let line = raw.withoutLineEnd.line
        let word = line[..<Self.literalStart(line)].trimmed
        if word.count > 1, marks.contains(.mayLeakSecret) { return Self.hide(word, of: raw) }
        if let masked = Self.maskLogin(raw, isUnknown: true) { return masked }
        let tag = word.firstWord.word
        let isLate = tag.count == word.count && (marks.contains(.hasBegunLogin) || !isWhole)
        // What was masked once stays so.
        return word.count > 1 && (isLate || SASLMask.covers(tag)) ? Self.hide(word, of: raw) : nil
    }

    /// The client may log in yet: behind a verb that nobody knows, and in its literals, a password may stand.
    var mayLogIn: Bool {
        switch phase {
        case .authenticated, .selected, .logout: false
        case .greetingPending, .notAuthenticated, .unknown: true
        }
    }

    /// A command that nobody knows with what stands behind its verb masked; nil when nothing does, or nobody logs in any more. A literal
    /// at its end stays to be seen.
    func maskArguments(_ raw: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard mayLogIn else { return nil }
        let line = raw.withoutLineEnd.line
        let words = line[..<Self.literalStart(line)].trimmed
        let arguments = words.firstWord.rest.firstWord.rest.trimmed
        guard !arguments.isEmpty else { return nil }
        return raw.maskingLine((arguments.startIndex - raw.startIndex)..<(arguments.endIndex - raw.startIndex))
    }

    /// Where the literal begins that follows a command; the end when none does.
    private static func literalStart(_ line: ArraySlice<UInt8>) -> Int {
        IMAPLiteral(endOf: IMAPCommand(line).arguments)?.start ?? line.endIndex
    }

    /// Masks the words of a line. What is wrong with them stays to be seen: that there is no tag, that there is a NUL. A tag of
    /// one octet hides nothing, and its mask would be an asterisk, which is no tag.
    private static func hide(_ words: ArraySlice<UInt8>, of raw: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let tag = words.firstWord.word
        let rest = words[tag.endIndex...].dropFirst()
        func range(_ part: ArraySlice<UInt8>) -> Range<Int> {
            (part.startIndex - raw.startIndex)..<(part.endIndex - raw.startIndex)
        }
        var masked = raw.masking(range(rest))
        if tag.count > 1 {
            masked = masked.masking(range(tag))
            if !IMAPCommand.isTag(tag) { masked[masked.startIndex + range(tag).lowerBound] = UInt8(ascii: "(") }
        }
        if words.contains(0) { masked[masked.startIndex + range(words).upperBound - 1] = 0 }
        return masked
    }

    /// A line that may be LOGIN or AUTHENTICATE, with what follows masked; nil when it is neither. Also where the tag is
    /// missing, or a space too many stands before the verb. A literal at its end stays to be seen.
    /// - Parameter isUnknown: it is no command, so that other words may say that it was meant as a login.
    static func maskLogin(_ raw: ArraySlice<UInt8>, isUnknown: Bool = false) -> ArraySlice<UInt8>? {
        let whole = raw.withoutLineEnd.line
        let line = whole[..<literalStart(whole)]
        var rest = line
        for _ in 0..<3 {
            for verb in ["LOGIN", "AUTHENTICATE"] as [StaticString] where rest.hasPrefixIgnoringCase(verb) {
                let behind = rest.dropFirst(verb.utf8CodeUnitCount)
                // A mask that is glued to the first word would make another tag of it.
                let isGlued = rest.startIndex == raw.startIndex && behind.first.map { $0 != 32 && $0 != 9 } ?? false
                if isGlued { return hide(line, of: raw) }
                let start = behind.startIndex - raw.startIndex + (behind.first == 32 ? 1 : 0)
                return raw.maskingLine(start..<max(start, behind.trimmed.endIndex - raw.startIndex))
            }
            rest = rest.firstWord.rest
        }
        guard isUnknown, let end = LoginWord.end(in: line, words: 2) else { return nil }
        let isTag = end <= line.firstWord.word.endIndex
        if isTag, end < line.endIndex, line[end] != 32 { return hide(line, of: raw) }
        let start = end - raw.startIndex + (end < line.endIndex && line[end] == 32 ? 1 : 0)
        return raw.maskingLine(start..<max(start, line[end...].trimmed.endIndex - raw.startIndex))
    }
}
