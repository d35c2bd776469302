// The bounds of a reader of messages, each with the reason for its value.

/// How much of a message is read. What is beyond passes unread; it is counted, and a flaw says so.
package struct MessageLimits: Equatable, Sendable {
    /// Octets of one header field that are read. Postfix's header_size_limit is 102,400.
    package var field = 102_400
    /// Octets of all header sections of a message together that are read. Dovecot reads 10 MB since CVE-2024-23185.
    package var header = 10_000_000
    /// Octets of the header sections of messages, the one itself and those in it, that are kept for ENVELOPE and the list of fields.
    /// Real ones with many Received, ARC and DKIM fields stay below 64 KiB each.
    package var kept = 1_048_576
    /// Parts within parts.
    package var depth = MessageStructure.maximumDepth
    /// Parts of a message.
    package var parts = MessageStructure.maximumParts

    package init() {}
}
