// SEARCH (RFC 9051 §6.4.4). Messages are read only when flags, sizes and dates leave the answer open, and piece by
// piece: first the header, then the rest.

import MailDialogue
import MailMessage

/// A SEARCH under way.
struct IMAPSearch: Equatable, Sendable {
    /// Octets of a header, and of a message, beyond which nothing is looked for.
    static var mostHeader: Int { 1 << 20 }
    static var mostMessage: Int { 8 << 20 }

    let key: IMAPSearchKey
    /// The index of the message that is judged.
    var position = 0
    /// The numbers or UIDs of those that fit.
    var found: [UInt32] = []
    /// What was read of the message.
    var octets: [UInt8] = []
    var header: HeaderBlock?
    var isWhole = false

    mutating func next() {
        position += 1
        octets = []
        header = nil
        isWhole = false
    }
}

extension IMAPServer {
    mutating func search(_ scanner: inout IMAPScanner) {
        guard let view else { return }
        do {
            searchOn(IMAPSearch(key: try IMAPSearchKey.parse(&scanner, view)))
        } catch {
            switch error {
            case .syntax: reply(Self.syntax)
            case .charset: conclude("NO [BADCHARSET (US-ASCII UTF-8)] this charset is not known")
            }
        }
    }

    private mutating func searchOn(_ given: IMAPSearch) {
        guard let view else { return }
        var search = given
        while search.position < view.entries.count {
            let entry = view.entries[search.position]
            var subject = IMAPSearchKey.Subject(index: search.position, entry: entry)
            subject.header = search.header
            if search.isWhole { subject.whole = (search.octets, MessageStructure.parse(search.octets)) }
            let fits = view.gone.contains(entry.uid) ? false : search.key.fits(subject)
            guard let fits else {
                activity = .searching(search)
                return connection.ask(.read(uid: entry.uid, offset: search.octets.count, count: Self.piece))
            }
            if fits { search.found.append(isUID ? entry.uid : UInt32(truncatingIfNeeded: search.position + 1)) }
            search.next()
        }
        connection.send("* SEARCH" + search.found.map { " \($0)" }.joined() + "\r\n")
        conclude("OK done")
    }

    mutating func searchStored(_ search: inout IMAPSearch, _ answer: StoreReply) {
        if case .octets(let octets) = answer {
            search.octets += octets
            let isEnd = octets.count < Self.piece
            if search.header == nil {
                let header = HeaderBlock(search.octets)
                if isEnd || header.isTerminated || search.octets.count >= IMAPSearch.mostHeader {
                    search.header = header
                }
            }
            search.isWhole = isEnd || search.octets.count >= IMAPSearch.mostMessage
        } else {
            // It is gone, or can't be read: it does not fit.
            search.next()
        }
        searchOn(search)
    }
}
