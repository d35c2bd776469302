// Responses applied to the view of a mailbox.

extension IMAPMailboxView {
    /// A FETCH or UIDFETCH response, as scanned from `text`.
    package mutating func apply(_ scan: IMAPFetchScan, _ text: IMAPText) -> [Fault] {
        let flags = scan.flags.flatMap { text.octets(of: $0) }.map { flagSet($0) }
        if scan.isUIDFetch { return fetched(uid: scan.number, flags: flags, modSeq: scan.modSeq) }
        return fetched(scan.number, uid: scan.uid, flags: flags, modSeq: scan.modSeq)
    }

    /// A response that was read: what it says of the selected mailbox is taken, all else is none of the view's business.
    package mutating func apply(_ reading: IMAPResponseReading) -> [Fault] {
        let text = reading.text
        switch reading.value {
        case .exists(let count): return exists(count)
        case .recent(let count): recent(count)
        case .expunge(let number): return expunge(number)
        case .vanished(let uids, let isEarlier): return vanished(uids, isEarlier: isEarlier)
        case .flags(let spans): flags(names(spans, text))
        case .fetch(let data):
            let flags = data.flags.map { flagSet(names($0, text)) }
            if data.isUIDFetch { return fetched(uid: data.number, flags: flags, modSeq: data.modSeq) }
            return fetched(data.number, uid: data.uid, flags: flags, modSeq: data.modSeq)
        case .status(let status):
            if let code = status.code { return apply(code, text) }
        case .continuation, .capability, .enabled, .list, .lsub, .namespace, .mailboxStatus, .search, .extendedSearch,
            .sort, .thread, .quota, .quotaRoot, .acl, .listRights, .myRights, .metadata, .id, .language, .comparator,
            .generatedURLs, .fetchedURLs, .jmapAccess, .converted, .conversion, .uidBatches, .other, .none:
            break
        }
        return []
    }

    /// A response code of the selected mailbox.
    package mutating func apply(_ code: IMAPResponseCode, _ text: IMAPText) -> [Fault] {
        switch code {
        case .uidValidity(let value): return uidValidity(value)
        case .uidNext(let value): return uidNext(value)
        case .highestModSeq(let value): return highestModSeq(value)
        case .permanentFlags(let spans): permanentFlags(names(spans, text))
        case .plain(.readOnly): setReadOnly(true)
        case .plain(.readWrite): setReadOnly(false)
        case .plain(.noModSeq): noModSeq()
        case .plain, .annotate, .annotations, .appendUID, .copyUID, .badCharset, .badEvent, .badURL, .capability,
            .inProgress, .mailboxID,
            .maxConvertMessages, .maxConvertParts, .messageLimit, .metadata, .modified, .noUpdate, .referral,
            .undefinedFilter, .unseen, .urlMechanisms, .other:
            break
        }
        return []
    }

    /// The names of flags, parted by spaces.
    private func names(_ spans: [IMAPSpan], _ text: IMAPText) -> ArraySlice<UInt8> {
        var out: [UInt8] = []
        for span in spans {
            guard let name = text.octets(of: span) else { continue }
            out.append(32)
            out.append(contentsOf: name)
        }
        return out[...]
    }
}
