// What a command brings that was not known before it.

/// News of a command. A rule that asks for the sender and for no command runs when there is a new sender, not at each
/// command behind it.
package struct RuleOccasion: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The client named itself.
    package static let clientName = RuleOccasion(rawValue: 1)
    /// A credential was shown.
    package static let login = RuleOccasion(rawValue: 2)
    /// MAIL began a transaction.
    package static let transaction = RuleOccasion(rawValue: 4)
    /// The size of a message was announced.
    package static let size = RuleOccasion(rawValue: 8)
    /// A mailbox was named.
    package static let mailbox = RuleOccasion(rawValue: 16)
}
