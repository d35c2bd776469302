// The envelope of a message as IMAP knows it (RFC 9051 §7.5.2): a handful of header fields, the addresses taken apart.

/// The envelope structure of a message. Strings are unfolded and otherwise as sent; nil where the field is absent.
package struct Envelope: Equatable, Sendable {
    package let date: [UInt8]?
    package let subject: [UInt8]?
    package let from: AddressList
    /// As `from` when the field is absent or empty.
    package let sender: AddressList
    /// As `from` when the field is absent or empty.
    package let replyTo: AddressList
    package let to: AddressList
    package let cc: AddressList
    package let bcc: AddressList
    package let inReplyTo: [UInt8]?
    package let messageID: [UInt8]?

    package init(_ header: HeaderBlock) {
        date = header.value("date")
        subject = header.value("subject")
        from = header.addresses("from")
        let sender = header.addresses("sender")
        self.sender = sender.items.isEmpty ? from : sender
        let replyTo = header.addresses("reply-to")
        self.replyTo = replyTo.items.isEmpty ? from : replyTo
        to = header.addresses("to")
        cc = header.addresses("cc")
        bcc = header.addresses("bcc")
        inReplyTo = header.value("in-reply-to")
        messageID = header.value("message-id")
    }
}
