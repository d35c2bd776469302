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

    /// The address in the body of a field that holds one mailbox in the form that nearly all have:
    /// `local-part@domain`, alone or in angle brackets behind words or a quoted string. Nil for whatever else: that is
    /// for `init(parsing:)`.
    static func plainMailbox(_ body: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var body = Octets.trim(body)
        if body.last == UInt8(ascii: ">") {
            let quote = UInt8(ascii: "\"")
            if body.first == quote {
                body = body.dropFirst()
                guard let end = Octets.find(quote, in: body), Octets.find(UInt8(ascii: "\\"), in: body[..<end]) == nil
                else { return nil }
                body = body[(end + 1)...]
            }
            guard let open = Octets.find(UInt8(ascii: "<"), in: body),
                body[..<open].allSatisfy({ !AddressParser.endsAtom($0) || $0 == UInt8(ascii: ".") })
            else { return nil }
            body = body[(open + 1)...].dropLast()
        }
        guard let at = Octets.find(UInt8(ascii: "@"), in: body), isDotted(body[..<at]), isDotted(body[(at + 1)...])
        else { return nil }
        return body
    }

    /// Words of plain octets with a dot between them.
    private static func isDotted(_ octets: ArraySlice<UInt8>) -> Bool {
        var isInWord = false
        for octet in octets {
            if isPlain(octet) {
                isInWord = true
            } else {
                guard isInWord, octet == UInt8(ascii: ".") else { return false }
                isInWord = false
            }
        }
        return isInWord
    }

    private static func isPlain(_ octet: UInt8) -> Bool {
        Octets.isLetter(octet) || Octets.isDigit(octet) || octet == UInt8(ascii: "-") || octet == UInt8(ascii: "_")
            || octet == UInt8(ascii: "+") || octet == UInt8(ascii: "=")
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
