// Address lists (RFC 5322 §3.4, obsolete forms of §4.4), flat and with group marks as IMAP's ENVELOPE wants them.

/// A mailbox in a header field.
package struct MailAddress: Equatable, Sendable {
    /// The display name without quotes, encoded words as they are; the comment behind the address when there is no name.
    package var displayName: [UInt8]?
    /// The source route without its colon: `@a,@b` (RFC 5322 §4.4 obs-route).
    package var route: [UInt8]?
    /// Without quotes.
    package var localPart: [UInt8]
    /// Empty when the address has none.
    package var domain: [UInt8]

    package init(displayName: [UInt8]? = nil, route: [UInt8]? = nil, localPart: [UInt8], domain: [UInt8]) {
        self.displayName = displayName
        self.route = route
        self.localPart = localPart
        self.domain = domain
    }

    /// The display name as a person reads it.
    package var name: String? { displayName.map { EncodedWord.decode($0[...]) } }

    /// `local-part@domain`, for people and for comparisons; a local part that needs quotes does not get them.
    package var text: String {
        Charset.guess(domain.isEmpty ? localPart : localPart + [UInt8(ascii: "@")] + domain)
    }
}

/// One element of an address list.
package enum AddressItem: Equatable, Sendable {
    case mailbox(MailAddress)
    /// The group's display name.
    case groupStart(name: [UInt8])
    case groupEnd
}

/// The addresses of a header field in order.
package struct AddressList: Equatable, Sendable {
    package let items: [AddressItem]

    package init(items: [AddressItem]) {
        self.items = items
    }

    /// Reads the body of an address field. What is broken is read up to the next comma as well as it goes; a group is always closed.
    package init(parsing body: ArraySlice<UInt8>) {
        var parser = AddressParser(body)
        items = parser.parse()
    }

    /// The mailboxes, those in groups too.
    package var mailboxes: [MailAddress] {
        items.compactMap { item in
            switch item {
            case .mailbox(let address): address
            case .groupStart, .groupEnd: nil
            }
        }
    }
}
