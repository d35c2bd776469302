// The kinds of findings about messages.

extension FindingKind {
    package static let messagesInClear = FindingKind(
        "messages-in-clear", .messages, .medium, "Messages crossed the network in clear",
        "Whoever can see the traffic can read them, keep them, and change them on their way.", "RFC 8314 §3",
        .protectMessages)
    package static let sensitiveContent = FindingKind(
        "sensitive-content-in-clear", .messages, .high, "Messages in clear hold what should not be read by others",
        "Card numbers, bank accounts, keys, passwords or what a pattern of yours describes lie open on the way.",
        "CWE-319", .protectMessages)
    package static let unexpectedDomain = FindingKind(
        "mail-to-unexpected-domain", .messages, .medium, "Mail went to domains that are not expected",
        "A wrong address, a rule that forwards, or somebody who carries mail out of the house.", "", .review)
    package static let programAttached = FindingKind(
        "program-attached", .messages, .medium, "Messages carry programs",
        "Files that run when they are opened are how most malware arrives.", "RFC 2183 §5", .filterContent)
    package static let disguisedFile = FindingKind(
        "disguised-file", .messages, .high, "File names in messages deceive their reader",
        "A program that looks like a document, or a path that leads out of the folder that was chosen.",
        "RFC 2183 §2.3", .filterContent)
    package static let forgedShape = FindingKind(
        "message-two-faced", .messages, .high, "Messages are built to be read differently by different programs",
        "Doubled fields, hidden characters or endless nesting make a filter see another message than the reader does.",
        "RFC 5322 §3.6", .filterContent)
    package static let flawedMessages = FindingKind(
        "message-flaws", .messages, .info, "Messages break the rules of their format",
        "Most are sloppy programs; what a strict reader shows may differ from what was meant.", "RFC 5322 §2", .review)

    static let messages: [FindingKind] = [
        messagesInClear, sensitiveContent, unexpectedDomain, programAttached, disguisedFile, forgedShape,
        flawedMessages,
    ]
}
