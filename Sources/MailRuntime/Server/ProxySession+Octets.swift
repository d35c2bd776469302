// How the octets of a proxied session pass from leg to leg, and what is followed and recorded of them.
//
// A chunk goes straight on where nothing can come of it: content, what is opaque, all that a client says once TLS is settled. In
// clear, where TLS may begin, and where a command may come that is not offered and must not pass (COMPRESS, XCLIENT), the client's
// octets go on as they are understood, and those that wait for an answer wait here too.
// The server's go through the filter, which gives them back whole unless a list of capabilities is among them.

import MailDialogue
import MailRecording
import MailSessions

extension ProxySession {
    func received(_ bytes: UnsafeRawBufferPointer, on stream: Stream) {
        if isLeft(stream) { return }
        switch phase {
        case .open: break
        case .connecting:
            if stream === server { upgrade(bytes) }
            return
        // After our last words nothing of the client matters any more.
        case .securing, .turning, .closing, .failing, .finished: return
        }
        if stream === client {
            lastOfClient = context.loop.now
            takeFromClient(bytes)
        } else {
            lastOfServer = context.loop.now
            takeFromServer(bytes)
        }
        watchConsent()
        countMemory()
        settleReading()
    }

    // MARK: The client's octets

    private func takeFromClient(_ bytes: UnsafeRawBufferPointer) {
        if isBereft { return takeInVain(bytes) }
        var rest = bytes
        switch mode {
        case .ruled: return relay([UInt8](bytes), from: .client)
        case .followed(let kept):
            // What is neither kept nor shown need not be copied.
            let passed = kept.value.pass(bytes, from: .client)
            if passed > 0 {
                server?.write(UnsafeRawBufferPointer(rebasing: bytes[..<passed]))
                rest = UnsafeRawBufferPointer(rebasing: bytes[passed...])
            }
        case .observed: break
        }
        guard !rest.isEmpty else { return }
        guard secrecy.watchesEdge || refusesCompression || refusesImpostors, !isDeflated else {
            let time = arrival
            releaseAll(of: .client)
            server?.write(rest)
            return follow([UInt8](rest)[...], from: .client, at: time)
        }
        follow([UInt8](rest)[...], from: .client)
        // More than may wait behind STARTTLS: whoever sends so much does not wait for the answer.
        if secrecy.watchesEdge, view.awaitsTLS, view.isOpaque { return reachInHaste() }
        if let command = secrecy.unoffered { return refuse(unoffered: command) }
        if secrecy.held.isEmpty, pending == 0 {
            server?.write(rest)
        } else {
            secrecy.held += rest
            release()
        }
    }

    /// COMPRESS is not offered, and who uses it all the same is refused: nothing behind it could be changed any more.
    private var refusesCompression: Bool { info.mailProtocol == .imap && filter?.policy.hidesCompression == true }

    /// XCLIENT and XFORWARD are not offered, and who uses them all the same is refused: an upstream that believes us would believe the
    /// client.
    private var refusesImpostors: Bool {
        switch info.mailProtocol {
        case .smtp, .lmtp: filter?.policy.refusesImpostors == true
        case .pop3, .imap: false
        }
    }

    /// The client uses a command without the offer that it has to wait for. The server has not heard of it, and of what came with it
    /// neither: that ends the session.
    private func refuse(unoffered command: Command) {
        context.core.log.info("client: it uses \(command.verb), which is not offered", of: info)
        // Nothing of ours may stand within a response of the server.
        if interruption.isPossible, filter?.isHolding == false {
            let words =
                info.mailProtocol == .imap
                ? LocalReply.compressionNotOffered(command) + LocalReply.compressionEnds
                : LocalReply.notOfferedEnds(command)
            follow(words[...], from: .server)
            client?.write(words)
        }
        closeAfterFlush()
    }

    /// What is deflated can't be told from the octets that it is made of, and no edge comes behind it.
    private var isDeflated: Bool {
        switch mode {
        case .followed(let kept): kept.value.isDeflated(.client)
        case .observed(let kept): kept.value.tap.isDeflated(.client)
        case .ruled: false
        }
    }

    /// What is known of the edge: the reply that may come is one to STARTTLS, and the session is not followed any more.
    private var view: (awaitsTLS: Bool, isOpaque: Bool, mayBeginTLS: Bool) {
        switch mode {
        case .followed(let kept): (kept.value.awaitsTLS, kept.value.opaque != nil, kept.value.mayBeginTLS)
        case .observed(let kept):
            (kept.value.tap.awaitsTLS, kept.value.tap.opaque != nil, kept.value.tap.mayBeginTLS)
        case .ruled(let kept): (kept.value.relay.awaitsTLS, false, true)
        }
    }

    /// The client went on behind STARTTLS without its answer, which will not be heard any more.
    private func reachInHaste() {
        reach(TLSEdge(reply: [], command: command, hasty: .client))
    }

    /// Octets of the client that are not understood yet.
    private var pending: Int {
        switch mode {
        case .followed(let kept): kept.value.pending(.client)
        case .observed(let kept): kept.value.tap.pending(.client)
        case .ruled: 0
        }
    }

    /// Lets go on what is understood of the client's octets.
    private func release() {
        if isDeflated { return releaseAll(of: .client) }
        let count = secrecy.held.count - pending
        guard count > 0 else { return }
        server?.write(Array(secrecy.held.prefix(count)))
        secrecy.held.removeFirst(count)
    }

    /// `side` sends no more: what waits goes on as it is.
    func releaseAll(of side: Side) {
        switch side {
        case .client:
            // What stands behind STARTTLS goes nowhere.
            guard !secrecy.held.isEmpty, !view.awaitsTLS else { return }
            server?.write(secrecy.held)
            secrecy.held = []
        case .server:
            guard let rest = filter?.end(), !rest.isEmpty else { return }
            pass(rest, behind: [])
        }
    }

    // MARK: The server's octets

    private func takeFromServer(_ bytes: UnsafeRawBufferPointer) {
        switch mode {
        case .followed(let kept):
            // What the filter holds comes first.
            let passed = filter?.isHolding == true ? 0 : kept.value.pass(bytes, from: .server)
            if passed > 0 { client?.write(UnsafeRawBufferPointer(rebasing: bytes[..<passed])) }
            if passed < bytes.count { takeFromServer([UInt8](bytes[passed...])) }
        case .observed, .ruled: takeFromServer([UInt8](bytes))
        }
    }

    /// The server's octets, through the filter.
    func takeFromServer(_ octets: [UInt8]) {
        guard filter != nil else { return pass(octets[...], behind: []) }
        var rest = octets[...]
        while !rest.isEmpty, phase == .open {
            if speaksUpstream, filter?.isHolding == false {
                // What the server says at a login is said to us, line by line up to its last.
                let end = rest.firstIndex(of: 10).map { $0 + 1 } ?? rest.endIndex
                let line = rest[..<end]
                rest = rest[end...]
                pass(line, behind: rest)
                continue
            }
            guard let piece = filter?.next(&rest, serverView) else { break }
            for exchange in filter?.takeChanged() ?? [] { noteChange(onClientLeg(exchange)) }
            pass(piece, behind: rest)
        }
    }

    var serverView: ServerView {
        switch mode {
        case .followed(let kept): ServerView(kept.value)
        case .observed(let kept): ServerView(kept.value.tap)
        case .ruled(let kept): kept.value.relay.serverView
        }
    }

    /// - Parameter rest: what came with it and stands behind it.
    private func pass(_ piece: ArraySlice<UInt8>, behind rest: ArraySlice<UInt8>) {
        switch mode {
        case .ruled: return relay(Array(piece), from: .server, behind: rest)
        case .observed, .followed: break
        }
        if secrecy.watchesEdge, consents(piece) {
            let hasty: Side? = !secrecy.held.isEmpty || pending > 0 ? .client : !rest.isEmpty ? .server : nil
            let tag = info.mailProtocol == .imap ? piece.firstWord.word.text : ""
            var edge = TLSEdge(reply: Array(piece), command: Command(verb: "STARTTLS", tag: tag), hasty: hasty)
            edge.isMisplaced = !view.mayBeginTLS
            return reach(edge)
        }
        let time = arrival
        piece.withUnsafeBytes { client?.write($0) }
        follow(piece, from: .server, at: time)
        if !secrecy.held.isEmpty { release() }
    }

    private func consents(_ piece: ArraySlice<UInt8>) -> Bool {
        switch mode {
        case .followed(let kept): kept.value.consentsToTLS(piece)
        case .observed(let kept): kept.value.tap.consentsToTLS(piece)
        case .ruled: false
        }
    }

    /// The upstream is logged in to, and what it says is said to us.
    private var speaksUpstream: Bool {
        guard login != nil, case .ruled(let kept) = mode else { return false }
        return kept.value.relay.speaksUpstream
    }

    /// A login is under way that waits for something else than the client.
    var isLoggingIn: Bool {
        guard login != nil, case .ruled(let kept) = mode else { return false }
        return kept.value.relay.isLoggingIn
    }

    /// The exchange on the client's leg that the server's next reply answers: commands of ours are on its own leg alone.
    private func onClientLeg(_ exchange: Int) -> Int {
        guard case .ruled(let kept) = mode else { return exchange }
        return kept.value.relay.clientExchange(answeredBy: exchange)
    }

    /// Capabilities were hidden in this exchange: the recording says so.
    func noteChange(_ exchange: Int, by name: String = CapabilityFilter.name) {
        switch mode {
        case .followed: break
        case .observed(let kept): kept.value.mark(exchange: exchange, changedBy: name)
        case .ruled(let kept):
            kept.value.book?.mark(exchange: exchange, changedBy: name)
        }
    }

    // MARK: Following

    /// The time of octets that go on before they are followed. The other side may have them, and go on, before we do; to it they were
    /// there before. Nil when nobody asks.
    private var arrival: Int64? {
        switch mode {
        case .observed: Clock.now()
        case .followed, .ruled: nil
        }
    }

    /// - Parameter time: when they came; now, when none is given.
    func follow(_ chunk: ArraySlice<UInt8>, from side: Side, at time: Int64? = nil) {
        context.withNotes { notes in
            var events: [RecordEvent] = []
            switch mode {
            case .followed(let kept): kept.value.receive(chunk, from: side, into: &notes)
            case .observed(let kept):
                kept.value.receive(chunk, from: side, at: time ?? Clock.now(), events: &events, notes: &notes)
            case .ruled(let kept):
                // Words of ours before the upstream is there: the client's leg sees them.
                var tap = info.mailProtocol.makeTap()
                tap.receive(chunk, from: side, into: &notes)
                kept.value.book?.accept(notes, at: Clock.now(), into: &events)
            }
            if filter != nil { tellFilter(notes) }
            record(events)
        }
    }

    private func tellFilter(_ notes: [Note]) {
        // By index: most of them are the server's, and taking one out counts up all that it holds.
        for index in notes.indices where notes[index].side == .client {
            guard case .command(let command) = notes[index].element else { continue }
            if secrecy.watchesEdge, command.verb == "STARTTLS" || command.verb == "STLS" { secrecy.asked = command }
            if refusesCompression, command.verb == "COMPRESS" { secrecy.unoffered = command }
            if refusesImpostors, CapabilityPolicy.isImpostor(verb: command.verb) { secrecy.unoffered = command }
            filter?.sent(command, exchange: notes[index].exchange)
        }
    }

    // MARK: With rules

    private func relay(_ chunk: [UInt8], from side: Side, behind rest: ArraySlice<UInt8> = []) {
        withRelay(behind: rest) { relay, effects, seen, told in
            relay.receive(chunk[...], from: side, &effects, seen: &seen, told: &told)
        }
    }

    func withRelay(
        behind rest: ArraySlice<UInt8> = [],
        _ body: (inout Relay, inout [Relay.Effect], inout [Note], inout [Note]) -> Void
    ) {
        guard case .ruled(let kept) = mode else { return }
        var effects: [Relay.Effect] = []
        var seen: [Note] = []
        var told: [Note] = []
        body(&kept.value.relay, &effects, &seen, &told)
        // Of a login the filter needs to know no more than that it was begun.
        if filter != nil, !(kept.value.relay.speaksUpstream) { tellFilter(told) }
        var events: [RecordEvent] = []
        if kept.value.book != nil {
            let now = Clock.now()
            for effect in effects {
                if case .login(.accepted(let exchange)) = effect, login?.credential?.isSwapped == true {
                    kept.value.book?.mark(exchange: exchange, changedBy: ExchangeMark.login)
                }
                guard case .hit(let rules, let exchange, let tags, let changed) = effect else { continue }
                if changed { kept.value.diverged = true }
                kept.value.book?.mark(hit: rules, at: exchange, tags: tags, changed: changed)
            }
            kept.value.book?.accept(seen, at: now, leg: .client, into: &events)
            if kept.value.diverged { kept.value.book?.accept(told, at: now, leg: .server, into: &events) }
        }
        record(events)
        perform(effects, behind: rest)
        watchLogin()
    }

    /// The relay goes on where rules had it wait. It stands still until it is told, so it is told in every phase that may still
    /// come to something: the client's handshake may take longer than the wait.
    private func waitIsOver() {
        switch phase {
        case .connecting, .securing, .open, .turning: break
        case .closing, .failing, .finished: return
        }
        withRelay { relay, effects, seen, told in relay.timerFired(&effects, seen: &seen, told: &told) }
        if phase == .connecting, choice?.isFallbackDue == true { return _ = fallBack() }
        watchConsent()
        settleReading()
    }

    func perform(_ effects: [Relay.Effect], behind rest: ArraySlice<UInt8> = []) {
        var effects = effects[...]
        while let effect = effects.popFirst() {
            switch effect {
            // What came in one piece leaves in one, not in one for each frame.
            case .toClient(var bytes):
                while case .toClient(let more)? = effects.first {
                    bytes += more
                    effects.removeFirst()
                }
                client?.write(bytes)
            case .toServer(var bytes):
                while case .toServer(let more)? = effects.first {
                    bytes += more
                    effects.removeFirst()
                }
                server?.write(bytes)
            case .wait(let milliseconds):
                context.loop.schedule(after: Double(milliseconds) / 1000) { [weak self] in self?.waitIsOver() }
            case .close: closeAfterFlush()
            case .edge(var edge):
                if edge.hasty == nil, !rest.isEmpty { edge.hasty = .server }
                reach(edge)
            case .ended(let side):
                guard phase == .open else { continue }
                if side == .server, isBereft {
                    settleLoss()
                    continue
                }
                (side == .client ? server : client)?.endOutput()
                if isOver { finishWhenFlushed() }
            case .log(let text): context.core.log.info("\(text)", of: info)
            case .login(let order): carryOut(order)
            case .hit(let rules, let exchange, let tags, _):
                context.tell(hit: rules, at: exchange, tags: tags, of: info)
            }
        }
    }
}
