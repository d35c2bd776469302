// What an IMAP session tells of the mailbox (RFC 9051 §6.3, §6.4, §7; RFC 7162, RFC 4315, RFC 6851, RFC 5465): lines and literals are
// put together to responses and commands, commands wait for their reply, and numbers are those of the folder that is open.

import MailDialogue

/// Follows one session.
struct IMAPBeliefSession {
    /// A literal that is kept: a folder's name, a string of ENVELOPE.
    private static let longestLiteral = 65_536
    /// Flags of a message, and the name of a folder, in octets.
    private static let longestFlags = 16_384
    private static let longestName = 4096
    /// Commands that wait for their reply.
    private static let mostPending = 4096

    /// A folder that is open, or that is being opened.
    struct View {
        var folder: Int
        var numbering = IMAPNumbering(limit: MailboxBelief.mostMessages)
        var isReadOnly: Bool
    }

    /// A message that APPEND puts into a folder.
    struct Appended {
        var flags: [UInt8]
        var size: Int?
        var content: Int?
    }

    /// What a command that waits for its reply does, when it succeeds.
    enum Pending {
        case select
        case close
        case unselect
        case store(isUID: Bool, IMAPNumberSet, IMAPStoreArguments.Change, flags: [UInt8])
        case copy(target: [UInt8])
        case append(target: [UInt8], [Appended])
        case create([UInt8])
        case delete([UInt8])
        case rename([UInt8], [UInt8])
        case subscribe([UInt8], Bool)
        /// All folders are asked for, or all that are subscribed.
        case list(isLSUB: Bool, found: Set<String>)
        /// UIDs are searched for, all of them or some; `found` is nil as long as no answer was heard.
        case search(isAll: Bool, found: [UInt32]?)
    }

    let session: String
    var desk = ContentDesk()
    private var response: IMAPText?
    private var responseExchange = 0
    private var command: IMAPText?
    private var commandExchange = 0
    private var keepsServerLiteral = false
    private var keepsClientLiteral = false
    /// Contents that began in the response that is under way.
    var contents: [Int] = []
    /// Contents of the client by exchange.
    var sent: [Int: [Int]] = [:]
    var pending: [Int: Pending] = [:]
    var selected: View?
    var opening: [Int: View] = [:]

    init(session: String) { self.session = session }

    /// Takes the next note of the session.
    /// - Parameters:
    ///   - begun: contents that began with it.
    ///   - time: microseconds since 1970.
    mutating func accept(
        _ note: Note, begun: [(side: Side, ordinal: Int, exchange: Int)], at time: Int64, _ belief: inout MailboxBelief
    ) {
        for content in begun {
            switch content.side {
            case .server: if response != nil { contents.append(content.ordinal) }
            case .client:
                if sent.count < Self.mostPending { sent[content.exchange, default: []].append(content.ordinal) }
            }
        }
        switch note.element {
        case .command(let verb):
            command = verb.isComplete && Self.tellsNothing(verb.verb) ? nil : IMAPText(note.raw)
            commandExchange = note.exchange
            if verb.isComplete { take(time, &belief) }
        case .commandPart(let isComplete):
            command?.append(note.raw)
            if isComplete { take(time, &belief) }
        case .data(_, let isComplete):
            response = IMAPText(note.raw)
            responseExchange = note.exchange
            contents = []
            if isComplete { hear(time, &belief) }
        case .dataPart(let isComplete):
            response?.append(note.raw)
            if isComplete { hear(time, &belief) }
        case .contentBegin(let content):
            let isKept = content.kind == .literal && !content.secret && (content.size ?? .max) <= Self.longestLiteral
            switch note.side {
            case .server:
                keepsServerLiteral = isKept
                if !isKept { response?.omitLiteral(size: content.size ?? 0) }
            case .client:
                keepsClientLiteral = isKept
                if !isKept { command?.omitLiteral(size: content.size ?? 0) }
            }
        case .content:
            switch note.side {
            case .server: if keepsServerLiteral { response?.append(note.raw) }
            case .client: if keepsClientLiteral { command?.append(note.raw) }
            }
        case .contentEnd:
            switch note.side {
            case .server: keepsServerLiteral = false
            case .client: keepsClientLiteral = false
            }
        case .reply(let reply): answer(note, reply, time, &belief)
        case .gap:
            belief.hasGaps = true
            if note.side == .server {
                response = nil
                forgetAnswers()
                selected?.numbering.forget()
                for exchange in opening.keys { opening[exchange]?.numbering.forget() }
            } else {
                command = nil
            }
        case .opaque:
            belief.hasGaps = true
            end(&belief)
        case .greeting, .goAhead, .challenge, .response, .done, .unplaced, .incomplete, .unknown: break
        }
    }

    /// The session has ended: no folder is open any more.
    mutating func end(_ belief: inout MailboxBelief) {
        leave(&belief)
        response = nil
        command = nil
        pending = [:]
        opening = [:]
    }

    /// What the numbers of the folder that is open leave no place for is dropped.
    func reconcile(_ belief: inout MailboxBelief) {
        if let selected { belief.reconcile(selected.numbering, with: selected.folder) }
    }

    mutating func leave(_ belief: inout MailboxBelief) {
        reconcile(&belief)
        guard let view = selected else { return }
        selected = nil
        guard belief.folders.indices.contains(view.folder), !belief.folders[view.folder].unnumbered.isEmpty,
            belief.pay(view.numbering.known)
        else { return }
        view.numbering.forEach { number, uid, serial in
            if uid == nil { belief.change(message: serial) { $0.number = number } }
        }
    }

    // MARK: Commands

    /// Commands that say nothing of folders, among them those with a password.
    private static func tellsNothing(_ verb: String) -> Bool {
        switch verb {
        case "LOGIN", "AUTHENTICATE", "NOOP", "IDLE", "CHECK", "CAPABILITY", "FETCH", "UID FETCH", "EXPUNGE",
            "UID EXPUNGE",
            "LOGOUT", "ID", "ENABLE", "STATUS":
            true
        default: false
        }
    }

    private mutating func take(_ time: Int64, _ belief: inout MailboxBelief) {
        guard let text = command else { return }
        command = nil
        let reading = IMAPCommandReading(text)
        guard pending.count < Self.mostPending else { return belief.fail() }
        func name(_ span: IMAPSpan) -> [UInt8] {
            text.octets(of: span).map { Array($0.prefix(Self.longestName + 1)) } ?? []
        }
        let exchange = commandExchange
        switch reading.value {
        case .select(let mailbox, _, let isExamine):
            guard let folder = belief.folder(name(mailbox)[...], at: time) else { return }
            opening[exchange] = View(folder: folder, isReadOnly: isExamine)
            pending[exchange] = .select
        case .plain(.close): pending[exchange] = .close
        case .plain(.unselect): pending[exchange] = .unselect
        case .store(let numbers, let arguments):
            // What a STORE did is told by FETCH responses, but when it is silent (RFC 9051 §6.4.6).
            guard arguments.isSilent, arguments.annotations.isEmpty else { return }
            pending[exchange] = .store(
                isUID: reading.isUID, numbers, arguments.change, flags: Self.words(arguments.flags, text))
        case .copy(_, let mailbox), .move(_, let mailbox): pending[exchange] = .copy(target: name(mailbox))
        case .append(let mailbox, let messages):
            let ordinals = sent.removeValue(forKey: exchange) ?? []
            var isPaired = ordinals.count == messages.count
            if messages.contains(where: { $0.isCatenated }) { isPaired = messages.count == 1 && ordinals.count == 1 }
            let appended = messages.enumerated().map { place, message in
                var size: Int? = 0
                for part in message.parts {
                    switch part {
                    case .text(let span): size = size.map { $0 &+ text.size(of: span) }
                    case .url: size = nil
                    }
                }
                return Appended(
                    flags: Self.words(message.flags, text), size: size, content: isPaired ? ordinals[place] : nil)
            }
            pending[exchange] = .append(target: name(mailbox), appended)
        case .replace(_, let mailbox, let message):
            let ordinals = sent.removeValue(forKey: exchange) ?? []
            let appended = Appended(flags: Self.words(message.flags, text), size: nil, content: ordinals.first)
            pending[exchange] = .append(target: name(mailbox), [appended])
        case .create(let mailbox, _): pending[exchange] = .create(name(mailbox))
        case .delete(let mailbox): pending[exchange] = .delete(name(mailbox))
        case .rename(let from, let to): pending[exchange] = .rename(name(from), name(to))
        case .subscribe(let mailbox): pending[exchange] = .subscribe(name(mailbox), true)
        case .unsubscribe(let mailbox): pending[exchange] = .subscribe(name(mailbox), false)
        case .list(let arguments):
            let isAll =
                arguments.selection.isEmpty && name(arguments.reference).isEmpty
                && arguments.patterns.contains { name($0) == [UInt8(ascii: "*")] }
            if isAll { pending[exchange] = .list(isLSUB: false, found: []) }
        case .lsub(let reference, let pattern):
            if name(reference).isEmpty, name(pattern) == [UInt8(ascii: "*")] {
                pending[exchange] = .list(isLSUB: true, found: [])
            }
        case .search(let arguments) where reading.isUID:
            pending[exchange] = .search(isAll: Self.asksForAll(arguments), found: nil)
        case .sort(_, let arguments) where reading.isUID:
            pending[exchange] = .search(isAll: Self.asksForAll(arguments), found: nil)
        case .plain, .authenticate, .login, .id, .enable, .compress, .status, .search, .sort, .thread, .multiSearch,
            .fetch, .expungeUIDs, .notify, .getMetadata, .setMetadata, .getQuota, .getQuotaRoot, .setQuota, .getACL,
            .setACL, .deleteACL, .listRights, .myRights, .generateURLs, .resetKey, .fetchURLs, .language, .comparator,
            .cancelUpdate, .convert, .conversions, .uidBatches, .other, .none:
            break
        }
    }

    /// Values parted by spaces, as many as messages really have.
    static func words(_ spans: [IMAPSpan], _ text: IMAPText) -> [UInt8] {
        var out: [UInt8] = []
        for span in spans {
            guard let word = text.octets(of: span), out.count &+ word.count < Self.longestFlags else { continue }
            if !out.isEmpty { out.append(32) }
            out += word
        }
        return out
    }

    // MARK: Untagged responses

    private mutating func hear(_ time: Int64, _ belief: inout MailboxBelief) {
        guard let text = response else { return }
        response = nil
        let reading = IMAPResponseReading(text)
        let exchange = responseExchange
        switch reading.value {
        case .list(let data): listed(data, text, isLSUB: false, exchange, time, &belief)
        case .lsub(let data): listed(data, text, isLSUB: true, exchange, time, &belief)
        case .mailboxStatus(let mailbox, let items):
            guard let name = text.octets(of: mailbox), let folder = belief.folder(name, at: time) else { return }
            status(items, of: folder, time, &belief)
        case .status(let status): if let code = status.code { take(code, exchange, time, &belief) }
        case .exists(let count):
            let place = opening[exchange] == nil ? nil : exchange
            guard var view = withdraw(place) else { return }
            view.numbering.exists(count)
            let folder = view.folder
            put(view, back: place)
            belief.change(folder) { folder in
                folder.count = count
                folder.wasOpened = true
                folder.unseen = nil
                folder.appendedWithoutUID = 0
                folder.time = time
            }
        case .fetch(let data):
            let place = place(exchange)
            guard var view = withdraw(place) else { return }
            fetched(data, text, in: &view, time, &belief)
            put(view, back: place)
        case .expunge(let number):
            let place = place(exchange)
            guard var view = withdraw(place) else { return }
            if let serial = view.numbering.expunge(number) { belief.remove(message: serial, from: view.folder) }
            put(view, back: place)
            recount(view, time, &belief)
        case .vanished(let uids, let isEarlier):
            let place = place(exchange)
            guard var view = withdraw(place) else { return }
            for range in uids.ranges where !range.hasStar {
                let named = range.resolved(largest: 0)
                Self.remove(named, from: view.folder, &belief)
                if !isEarlier { view.numbering.vanished(named) }
            }
            put(view, back: place)
            recount(view, time, &belief)
        case .search(let numbers, _), .sort(let numbers, _): found(numbers, exchange)
        case .extendedSearch(let search):
            guard search.isUID else { return }
            found([], exchange)
            for case .all(let set) in search.items {
                guard let count = set.count, count <= MailboxBelief.mostMessages, belief.pay(count) else {
                    belief.fail()
                    foundInPart(exchange)
                    continue
                }
                for range in set.ranges { found(Array(range.resolved(largest: 0)), exchange) }
            }
        case .continuation, .capability, .enabled, .namespace, .flags, .thread, .recent, .quota, .quotaRoot, .acl,
            .listRights, .myRights, .metadata, .id, .language, .comparator, .generatedURLs, .fetchedURLs, .jmapAccess,
            .converted, .conversion, .uidBatches, .other, .none:
            break
        }
    }

    private mutating func found(_ uids: [UInt32], _ exchange: Int) {
        guard case .search = pending[exchange],
            case .search(let isAll, var found) = pending.removeValue(forKey: exchange)
        else { return }
        let room = max(0, MailboxBelief.mostMessages - (found?.count ?? 0))
        if found == nil { found = [] }
        found?.append(contentsOf: uids.prefix(room))
        pending[exchange] = .search(isAll: isAll && uids.count <= room, found: found)
    }

    /// Which folder a response about messages is of: as long as nothing was told of the one that is being opened, it is of the other
    /// one (RFC 7162 §3.2.11).
    /// - Returns: the exchange that opens it; nil for the folder that is open.
    private func place(_ exchange: Int) -> Int? {
        guard let view = opening[exchange] else { return nil }
        return view.numbering.exists == nil && selected != nil ? nil : exchange
    }

    /// Takes a view out, so that it is changed in place: that which an exchange opens, or the open one.
    private mutating func withdraw(_ exchange: Int?) -> View? {
        guard let exchange else {
            defer { selected = nil }
            return selected
        }
        return opening.removeValue(forKey: exchange)
    }

    private mutating func put(_ view: View, back exchange: Int?) {
        if let exchange { opening[exchange] = view } else { selected = view }
    }

    /// Messages are gone from a folder.
    private func recount(_ view: View, _ time: Int64, _ belief: inout MailboxBelief) {
        belief.change(view.folder) { folder in
            folder.count = view.numbering.exists ?? folder.count
            folder.time = time
        }
    }

    /// UIDs of a range are gone.
    private static func remove(_ uids: ClosedRange<UInt32>, from folder: Int, _ belief: inout MailboxBelief) {
        guard belief.folders.indices.contains(folder) else { return }
        let known = belief.folders[folder].byUID.count
        guard belief.pay(min(uids.count, known)) else { return }
        if uids.count <= known {
            for uid in uids { belief.remove(uid: uid, from: folder) }
        } else {
            for uid in Array(belief.folders[folder].byUID.keys) where uids.contains(uid) {
                belief.remove(uid: uid, from: folder)
            }
        }
    }

    private mutating func listed(
        _ data: IMAPListData, _ text: IMAPText, isLSUB: Bool, _ exchange: Int, _ time: Int64,
        _ belief: inout MailboxBelief
    ) {
        guard let name = text.octets(of: data.mailbox), !name.isEmpty else { return }
        let attributes = data.attributes.compactMap { text.string($0) }
        let isMissing = attributes.contains { Array($0.utf8)[...].equalsIgnoringCase("\\NonExistent") }
        // LSUB names parents of subscribed folders too, with \Noselect (RFC 3501 §6.3.9).
        if isMissing { return }
        guard let folder = belief.folder(name, at: time) else { return }
        if case .list(let isForLSUB, var found) = pending[exchange] {
            found.insert(MailboxBelief.key(name))
            pending[exchange] = .list(isLSUB: isForLSUB, found: found)
        }
        let delimiter = text.octets(of: data.delimiter)?.first
        belief.change(folder) { folder in
            folder.delimiter = delimiter ?? folder.delimiter
            folder.time = time
            if isLSUB {
                folder.isSubscribed = !attributes.contains { Array($0.utf8)[...].equalsIgnoringCase("\\Noselect") }
            } else {
                folder.attributes = Array(attributes.prefix(16))
                if attributes.contains(where: { Array($0.utf8)[...].equalsIgnoringCase("\\Subscribed") }) {
                    folder.isSubscribed = true
                }
            }
        }
    }

    private func status(_ items: [IMAPStatusItem], of folder: Int, _ time: Int64, _ belief: inout MailboxBelief) {
        for case .uidValidity(let value) in items { belief.uidValidity(value, of: folder) }
        belief.change(folder) { folder in
            folder.time = time
            for item in items {
                switch item {
                case .messages(let count):
                    folder.count = count
                    folder.appendedWithoutUID = 0
                case .uidNext(let value): folder.uidNext = value
                case .unseen(let count): folder.unseen = count
                case .highestModSeq(let value): folder.highestModSeq = value
                case .uidValidity, .recent, .deleted, .size, .appendLimit, .mailboxID, .deletedStorage, .other: break
                }
            }
        }
        // Of an empty folder it is known that there is nothing in it.
        if items.contains(.messages(0)), belief.folders.indices.contains(folder) {
            for serial in belief.serials(folder) { belief.remove(message: serial, from: folder) }
        }
    }

    /// What a response code says, tagged or not.
    mutating func take(
        _ code: IMAPResponseCode, _ exchange: Int, _ time: Int64, _ belief: inout MailboxBelief
    ) {
        let view = opening[exchange] ?? selected
        switch code {
        case .uidValidity(let value): if let view { belief.uidValidity(value, of: view.folder) }
        case .uidNext(let value): if let view { belief.change(view.folder) { $0.uidNext = value } }
        case .highestModSeq(let value): if let view { belief.change(view.folder) { $0.highestModSeq = value } }
        case .plain(.readOnly): opening[exchange]?.isReadOnly = true
        case .plain(.readWrite): opening[exchange]?.isReadOnly = false
        case .plain(.closed): leave(&belief)
        case .copyUID(let validity, let source, let target): copied(validity, source, target, exchange, time, &belief)
        // The server stopped before the end (RFC 9738 §3).
        case .messageLimit: foundInPart(exchange)
        case .plain, .annotate, .annotations, .appendUID, .badCharset, .badEvent, .badURL, .capability, .inProgress,
            .mailboxID, .maxConvertMessages, .maxConvertParts, .metadata, .modified, .noUpdate,
            .permanentFlags, .referral, .undefinedFilter, .unseen, .urlMechanisms, .other:
            break
        }
    }

    /// COPYUID (RFC 4315 §3): the k-th source became the k-th target.
    private mutating func copied(
        _ validity: UInt32, _ source: IMAPNumberSet, _ target: IMAPNumberSet, _ exchange: Int, _ time: Int64,
        _ belief: inout MailboxBelief
    ) {
        guard case .copy(let name) = pending[exchange], let from = selected?.folder,
            let to = belief.folder(name[...], at: time), let count = source.count, target.count == count,
            belief.pay(count)
        else { return }
        belief.uidValidity(validity, of: to)
        let targets = target.ranges.lazy.flatMap { $0.resolved(largest: 0) }
        for (old, new) in zip(source.ranges.lazy.flatMap({ $0.resolved(largest: 0) }), targets) {
            guard let copy = belief.message(uid: new, in: to, at: time) else { break }
            if let serial = belief.serial(old, in: from) {
                belief.copy(serial, from: from, to: copy, in: to)
            } else {
                belief.change(message: copy) { $0.origin = .copied }
            }
        }
        if selected?.folder != to {
            belief.change(to) { folder in
                folder.count = folder.count.map { $0 &+ UInt32(truncatingIfNeeded: count) }
                folder.time = time
            }
        }
    }
}
