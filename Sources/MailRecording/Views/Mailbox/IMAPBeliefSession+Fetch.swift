// What FETCH responses tell of messages (RFC 9051 §7.5.2), and which messages a set of numbers means.

import MailDialogue
import MailMessage

extension IMAPBeliefSession {
    /// A FETCH response, or UIDFETCH (RFC 9586 §3.3).
    mutating func fetched(
        _ data: IMAPFetchData, _ text: IMAPText, in view: inout View, _ time: Int64, _ belief: inout MailboxBelief
    ) {
        guard let serial = message(data, in: &view, time, &belief) else { return }
        let folder = view.folder
        for item in data.items {
            switch item {
            case .flags(let spans):
                let flags = belief.flags(Self.words(spans, text), in: folder)
                belief.change(message: serial) { message in
                    message.flags = flags.union(.known)
                    message.flagsAreInferred = false
                }
            case .size(let size): belief.change(message: serial) { $0.size = size }
            case .internalDate(let span):
                let date = text.octets(of: span).flatMap { MailDate(parsingInternalDate: $0) }
                if let date { belief.change(message: serial) { $0.internalDate = date.seconds &* 1_000_000 } }
            case .envelope(let envelope): belief.set(Self.envelope(envelope, text), of: serial)
            case .body, .bodyStructure, .preview: belief.change(message: serial) { $0.partWasSeen = true }
            case .uid, .section, .binary, .binarySize, .message, .messageHeader, .messageText, .modSeq, .emailID,
                .threadID, .saveDate, .gmailMessageID, .gmailThreadID, .gmailLabels, .annotations, .other:
                break
            }
        }
        belief.change(message: serial) { $0.time = time }
        belief.change(folder) { $0.time = time }
        for content in contents { desk.own(content, by: serial, of: session, &belief) }
        contents = []
    }

    /// The message that a response is about.
    private func message(
        _ data: IMAPFetchData, in view: inout View, _ time: Int64, _ belief: inout MailboxBelief
    ) -> UInt32? {
        let folder = view.folder
        // No message has the UID 0 (RFC 9051 §2.3.1.1).
        let uid = data.uid == 0 ? nil : data.uid
        if data.isUIDFetch { return uid.flatMap { belief.message(uid: $0, in: folder, at: time) } }
        guard let exists = view.numbering.exists, data.number >= 1, data.number <= exists else {
            // Numbers mean nothing after a loss, UIDs do.
            return uid.flatMap { belief.message(uid: $0, in: folder, at: time) }
        }
        let known = view.numbering[data.number].flatMap { belief.messages[$0] == nil ? nil : $0 }
        var serial: UInt32?
        if let uid {
            serial =
                known.map { belief.identify($0, uid: uid, in: folder) }
                ?? belief.message(uid: uid, in: folder, at: time)
        } else if let known {
            serial = known
        } else if let uid = view.numbering.uid(data.number) {
            serial = belief.message(uid: uid, in: folder, at: time)
        } else {
            serial = belief.add(uid: 0, to: folder, at: time)
        }
        if let serial { view.numbering.set(data.number, uid: uid, handle: serial) }
        return serial
    }

    /// ENVELOPE as text: encoded words decoded.
    private static func envelope(_ envelope: IMAPEnvelope, _ text: IMAPText) -> BelievedEnvelope {
        func value(_ span: IMAPSpan) -> String {
            String((text.octets(of: span).map { EncodedWord.decode($0) } ?? "").prefix(BelievedEnvelope.longest))
        }
        func addresses(_ list: IMAPEnvelope.List) -> [String] {
            envelope[list].prefix(BelievedEnvelope.mostAddresses).compactMap { address in
                // Groups have no host.
                guard let mailbox = text.string(address.mailbox), let host = text.string(address.host) else {
                    return nil
                }
                let bare = "\(mailbox)@\(host)"
                let name = value(address.name)
                return String((name.isEmpty ? bare : "\(name) <\(bare)>").prefix(BelievedEnvelope.longest))
            }
        }
        return BelievedEnvelope(
            date: value(envelope.date), subject: value(envelope.subject), from: addresses(.from), to: addresses(.to),
            messageID: value(envelope.messageID))
    }
}

/// Which messages sets of numbers mean.
enum BelievedNumbers {
    /// The known messages of a set, each once.
    /// - Parameters:
    ///   - but: numbers that are not meant (MODIFIED, RFC 7162 §3.1.3).
    ///   - isUID: the numbers are UIDs.
    static func serials(
        _ numbers: IMAPNumberSet, but: IMAPNumberSet, isUID: Bool, _ view: IMAPBeliefSession.View,
        _ belief: inout MailboxBelief
    ) -> [UInt32] {
        guard belief.folders.indices.contains(view.folder) else { return [] }
        let folder = belief.folders[view.folder]
        let known = isUID ? folder.byUID.count : view.numbering.known
        var largest = view.numbering.exists ?? 0
        if isUID {
            guard !numbers.hasStar || belief.pay(known) else { return [] }
            largest = numbers.hasStar ? folder.byUID.keys.max() ?? 0 : 0
        }
        let wanted = merged(numbers, largest)
        let left = merged(but, largest)
        let count = wanted.reduce(0) { $0 &+ $1.count }
        if count <= min(known, 64) {
            return wanted.joined().compactMap { number in
                contains(left, number) ? nil : isUID ? folder.byUID[number] : view.numbering[number]
            }
        }
        guard belief.pay(known + wanted.count + left.count) else { return [] }
        var found: [UInt32] = []
        if isUID {
            for (uid, serial) in folder.byUID where contains(wanted, uid) && !contains(left, uid) {
                found.append(serial)
            }
        } else {
            view.numbering.forEach { number, _, serial in
                if contains(wanted, number), !contains(left, number) { found.append(serial) }
            }
        }
        return found
    }

    /// Ranges in ascending order that don't touch.
    private static func merged(_ numbers: IMAPNumberSet, _ largest: UInt32) -> [ClosedRange<UInt32>] {
        var merged: [ClosedRange<UInt32>] = []
        for range in numbers.ranges.map({ $0.resolved(largest: largest) }).sorted(by: { $0.lowerBound < $1.lowerBound })
        {
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }

    private static func contains(_ ranges: [ClosedRange<UInt32>], _ number: UInt32) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < number { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(number)
    }
}
