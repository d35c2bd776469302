// The limits of the core, each with its reason. Beyond a limit a session becomes opaque: the octets still pass.

/// Limits of the core, in octets unless said otherwise.
package enum DialogueLimits {
    /// A line of SMTP or POP3. RFC 5321 §4.5.3.1.4 asks for 512 plus what extensions add, RFC 4954 §4 for 12,288 in
    /// AUTH; replies of real servers stay below. The double leaves room.
    package static let line = 24_576
    /// A SASL response in SMTP that is not yet remarked on: RFC 4954 §4 takes it to be enough for every mechanism.
    package static let saslLine = 12_288
    /// A line of IMAP. RFC 9051 gives none; RFC 7162 §4 asks servers for 8,192. Dovecot takes 65,536; UID sets and flag
    /// lists of big mailboxes reach megabytes in responses.
    package static let imapCommandLine = 65_536
    package static let imapResponseLine = 8_388_608
    /// Octets of a side that wait for the other side's answer. A client that does not wait sends a window at most.
    package static let held = 262_144
    /// Commands that await replies. Clients pipeline some hundreds (UID FETCH of a folder); more is an attack on
    /// memory.
    package static let outstanding = 10_000
    /// What is kept of these commands to be told with their replies, or to be judged with them.
    package static let outstandingOctets = 1_048_576
    /// A literal that is kept because it is an argument (user, password, mailbox name).
    package static let keptLiteral = 8_192
    /// Lines before the greeting that are none of the protocol's. Some servers print a warning or two first (inetd, the
    /// dynamic linker); a third line comes from another protocol.
    package static let linesBeforeGreeting = 3
    /// A verb or keyword that is kept.
    package static let verb = 32
}
