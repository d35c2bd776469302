// Two framers and a dialogue: octets of a side in, notes out. Everybody who follows a connection does it through a tap.
// Long because all that moves a frame shares the private state of its two streams.
//
// The work list: a line of one side may release octets of the other that were held, and these may ask for the first
// side again. `receive` therefore drains both sides in turn until neither moves. No frame is ever looked at twice.
//
// Only the client's octets ever wait, and they came before what the server sends behind the line that releases them:
// after each frame of the server the client gets its turn, when it has octets. "354" and "250" in one segment are then
// no reply in the middle of the data.
//
// Under COMPRESS octets are inflated piece by piece as they are cut. Missing octets inside of content whose size is known
// leave a hole in it and nothing else; any other gap is the dialogue's to judge.

/// Follows one connection.
package struct Tap<D: Dialogue>: Sendable, Equatable {
    package private(set) var dialogue: D
    private var client = Stream()
    private var server = Stream()
    /// What the server may repeat of the client's secrets.
    private var shown: ShownWords?
    /// Where TLS was to begin, whether it does; nil for who knows that otherwise.
    private var edge: EdgeWatch?

    private struct Stream: Equatable, Sendable {
        var framer = Framer()
        /// Undoes the compression, once there is one.
        var inflater: Inflater? { didSet { inflates = inflater != nil } }
        /// Content that has begun; the octets still to come, or nil when a terminator ends it.
        var content: Content? {
            didSet {
                isInContent = content != nil
                isInMessage = if case .message? = content?.kind { content?.secret == false } else { false }
            }
        }
        var remaining: Int?
        /// Octets came after the session became opaque.
        var spokeOpaquely = false
        /// Of those that wait, how many come before the session is followed again; nil when it is not.
        var opaqueEnd: Int?
        /// Octets of this side waited for an answer of the other.
        var waited = false
        /// A whole line of them did. A piece of a line proves nothing: its sender may have waited with the rest.
        var lineWaited = false
        /// A line of this side was cut: the first octets are behind us.
        var begun = false
        /// TLS was to begin, and did not: it may begin yet.
        var wasAtEdge = false
        /// What is opaque began within a line that may hold a secret: it is masked up to the end of that line.
        var secretTail = false
        /// It began within a line that is shown, to the end of that line: what comes behind it is another matter.
        var shownTail = false
        /// A deflate stream has ended before the octets that come: that they read as text has to prove it.
        var isUnproved = false
        /// The line that can't be placed was longer than what is cut at once: its rest passes too.
        var unplacedTail = false
        /// No more octets come.
        var hasEnded = false

        /// There is an inflater, there is content: what is asked for each line does not copy them.
        private(set) var inflates = false
        private(set) var isInContent = false
        /// That content is a message, and no secret.
        private(set) var isInMessage = false

        /// Nothing about this side is out of the ordinary: what comes next is one line of many. Told in one word, which is
        /// looked at before each line.
        private(set) var isPlain = false

        /// Looks anew whether the next line is one of many.
        mutating func settle() {
            isPlain = begun && !waited && !lineWaited && !unplacedTail && !isInContent && !inflates && !isUnproved
        }

        /// Octets came after the session became opaque. Whether some waited before is of no account from here on: it depends on
        /// how they came.
        mutating func speakOpaquely() {
            spokeOpaquely = true
            waited = false
            lineWaited = false
        }

        /// Octets wait, cut or not.
        var hasOctets: Bool { !framer.isEmpty || (inflates && (inflater?.pending ?? 0) > 0) }
    }

    /// - Parameters:
    ///   - listens: facts and masked forms of lines are wanted. Without it notes of lines have neither; all else is the same.
    ///   - watchesEdge: a session in which TLS was to begin, and does not, is followed on in clear. For who only looks on.
    package init(_ dialogue: D, listens: Bool = true, watchesEdge: Bool = false) {
        self.dialogue = dialogue
        self.dialogue.listens = listens
        if watchesEdge { edge = EdgeWatch() }
    }

    /// Octets that were received and not yet cut.
    package func pending(_ side: Side) -> Int {
        switch side {
        case .client: client.framer.count + (client.inflater?.pending ?? 0)
        case .server: server.framer.count + (server.inflater?.pending ?? 0)
        }
    }

    /// How the next octets of `side` are to be cut. Of content that has begun: what is still to come.
    package func demand(_ side: Side) -> Demand {
        let (content, remaining) =
            switch side {
            case .client: (client.content, client.remaining)
            case .server: (server.content, server.remaining)
            }
        guard !dialogue.isOpaque, let content, let remaining else { return dialogue.demand(side) }
        return .content(content, .octets(remaining))
    }

    /// Octets of `side` arrived. The notes of all frames that are now whole are appended, in the order in which they
    /// are understood.
    package mutating func receive(_ bytes: [UInt8], from side: Side, into notes: inout [Note]) {
        receive(bytes[...], from: side, into: &notes)
    }

    /// The same for a slice, which the notes then share.
    package mutating func receive(_ bytes: consuming ArraySlice<UInt8>, from side: Side, into notes: inout [Note]) {
        // Consumed, all the way to where they stay: each hand that kept them would be counted.
        switch side {
        case .client:
            client.hasEnded = false
            Self.append(consume bytes, &client)
        case .server:
            server.hasEnded = false
            Self.append(consume bytes, &server)
        }
        settle(side, into: &notes)
    }

    private static func append(_ bytes: consuming ArraySlice<UInt8>, _ path: inout Stream) {
        if path.inflates { path.inflater?.append(bytes) } else { path.framer.append(consume bytes) }
    }

    /// Cuts what can be cut of both sides, beginning with `side`.
    private mutating func settle(_ side: Side, into notes: inout [Note]) {
        var turn = side
        var idle = 0
        while idle < 2 {
            if advance(turn, into: &notes) { idle = 0 } else { idle += 1 }
            turn = turn.other
        }
        // The server's answer has come that the client's last octets waited for, and nothing more will make them whole.
        if client.hasEnded, client.hasOctets, !isHeld { tellRest(.client, into: &notes) }
        client.framer.own()
        server.framer.own()
    }

    /// Cuts, and inflates more to cut, until the side needs octets or must let the other speak. True when there was something.
    private mutating func advance(_ side: Side, into notes: inout [Note]) -> Bool {
        var moved = false
        while true {
            if edge != nil, dialogue.opaque == .tls, goesOnInClear(side, into: &notes) { moved = true }
            // Before anything is cut that stands behind its first line or its last.
            switch dialogue.deflation(side) {
            case .none, .waits: break
            case .deflated: if side == .server, !server.inflates { Self.beginInflating(&server) }
            case .ends:
                guard endInflating(side, into: &notes) else { return moved }
                moved = true
            }
            let wasTLS = dialogue.opaque == .tls
            if drain(side, into: &notes) {
                moved = true
                // A server that begins TLS does so for good: what waits of the client is no reason to look again.
                if edge != nil, side == .server, !wasTLS, dialogue.opaque == .tls, server.framer.beginsTLS {
                    edge?.settle()
                }
                if side == .server, client.hasOctets || owesNothing { return true }
            }
            switch dialogue.deflation(side) {
            case .none: return moved
            case .deflated: guard inflate(side, into: &notes) else { return moved }
            case .waits: guard wait(side, into: &notes) else { return moved }
            case .ends: break
            }
            moved = true
        }
    }

    /// Looks whether what `side` sends where TLS was to begin is in clear. Then what came before it is told, and the session is followed on.
    private mutating func goesOnInClear(_ side: Side, into notes: inout [Note]) -> Bool {
        let isLate = client.spokeOpaquely || server.spokeOpaquely
        let count =
            switch side {
            case .client:
                edge?.clear(
                    in: client.framer.waiting, from: side, counts: client.spokeOpaquely || !client.waited,
                    isLate: isLate)
            case .server:
                edge?.clear(
                    in: server.framer.waiting, from: side, counts: client.spokeOpaquely, isLate: isLate)
            }
        guard let count else { return false }
        switch side {
        case .client: client.opaqueEnd = count
        case .server: server.opaqueEnd = count
        }
        if count > 0 { _ = drain(side, into: &notes) }
        goOn(side, into: &notes)
        return true
    }

    /// Who recorded the session knew that TLS was to begin, and that what comes next from `side` is in clear: which can't be seen where other
    /// octets stand for those of TLS.
    package mutating func goOnInClear(_ side: Side, into notes: inout [Note]) {
        guard dialogue.opaque == .tls else { return }
        goOn(side, into: &notes)
        settle(side, into: &notes)
    }

    /// TLS was to begin, and all is known of what came since: nothing of the client did.
    package var isSilentAtEdge: Bool {
        guard dialogue.opaque == .tls, let edge, edge.isOpen, edge.hasBegun || !server.spokeOpaquely else {
            return false
        }
        return !client.spokeOpaquely && client.framer.isEmpty
    }

    private mutating func goOn(_ side: Side, into notes: inout [Note]) {
        dialogue.goOnInClear(side)
        notes.append(Note(side, .opaque, exchange: dialogue.currentExchange, raw: [], facts: [.clear]))
        Self.beginAnew(&client)
        Self.beginAnew(&server)
        if edge != nil { edge = EdgeWatch() }
    }

    /// The session is followed again.
    private static func beginAnew(_ path: inout Stream) {
        path.opaqueEnd = nil
        path.spokeOpaquely = false
        path.waited = false
        path.lineWaited = false
        path.wasAtEdge = true
        path.settle()
    }

    /// The client is to send content of no octets, which begins and ends without any.
    private var owesNothing: Bool {
        if case .content(_, .octets(0)) = dialogue.demand(.client) { return true }
        return false
    }

    /// Inflates a bounded piece. False when there is nothing to inflate.
    private mutating func inflate(_ side: Side, into notes: inout [Note]) -> Bool {
        // What was received behind the command and its reply is deflated.
        if !client.inflates, dialogue.deflation(.client) == .deflated { Self.beginInflating(&client) }
        if !server.inflates, dialogue.deflation(.server) == .deflated { Self.beginInflating(&server) }
        switch side {
        case .client: return Self.inflate(&dialogue, &client, side, ofBlock: false, into: &notes)
        case .server: return Self.inflate(&dialogue, &server, side, ofBlock: false, into: &notes)
        }
    }

    private static func beginInflating(_ path: inout Stream) {
        let rest = path.framer.rest()
        path.inflater = Inflater()
        path.settle()
        if !rest.isEmpty { append(rest, &path) }
    }

    /// Inflates a bounded piece; `ofBlock`: of the block under way only. False when there is nothing more to do.
    private static func inflate(
        _ dialogue: inout D, _ path: inout Stream, _ side: Side, ofBlock: Bool, into notes: inout [Note]
    ) -> Bool {
        switch (ofBlock ? path.inflater?.nextOfBlock() : path.inflater?.next()) ?? .broken {
        case .octets(let octets):
            path.framer.append(octets[...])
            return true
        case .needsMore: return false
        case .broken:
            guard let rest = path.inflater?.rest(), !rest.isEmpty else { return false }
            loseStream(rest, &dialogue, &path, side, into: &notes)
            return true
        }
    }

    /// What was received can't be inflated: it passes as it is, and so does all that follows.
    private static func loseStream(
        _ rest: ArraySlice<UInt8>, _ dialogue: inout D, _ path: inout Stream, _ side: Side, into notes: inout [Note]
    ) {
        // What was inflated and is not whole came before it.
        let cut = dialogue.isOpaque ? [] : path.framer.rest()
        if !cut.isEmpty { tellRest(cut, &dialogue, &path, side, into: &notes) }
        let violation = dialogue.isOpaque ? nil : dialogue.brokenCompression(side)
        let facts: [Fact] = dialogue.isOpaque ? [] : [.opaque(.compress)]
        if !dialogue.isOpaque { dialogue.becomeOpaque(.compress) }
        // That of the octets that follow, which may come with these or alone.
        let exchange = dialogue.currentExchange
        path.speakOpaquely()
        notes.append(
            Note(
                side, .opaque, exchange: exchange, raw: rest, masked: dialogue.hidesOpaque(side) ? stars(rest) : nil,
                facts: facts, violations: violation.map { [$0] } ?? []))
    }

    /// From here on the session is not followed, because of what `side` sends. The note has no octets.
    private static func becomeOpaque(
        _ reason: OpaqueReason, _ dialogue: inout D, _ side: Side, into notes: inout [Note]
    ) {
        guard !dialogue.isOpaque else { return }
        dialogue.becomeOpaque(reason)
        notes.append(Note(side, .opaque, exchange: dialogue.currentExchange, raw: [], facts: [.opaque(reason)]))
    }

    /// Octets wait that may be deflated or not. The block under way is inflated, as the line that they wait behind is of it, so
    /// that the same waits however it came. False when there is nothing more to do.
    private mutating func wait(_ side: Side, into notes: inout [Note]) -> Bool {
        if pending(side) > DialogueLimits.held {
            Self.becomeOpaque(.compress, &dialogue, side, into: &notes)
            return true
        }
        switch side {
        case .client: return Self.inflate(&dialogue, &client, side, ofBlock: true, into: &notes)
        case .server: return Self.inflate(&dialogue, &server, side, ofBlock: true, into: &notes)
        }
    }

    /// Looks for the end of a deflate stream. False when more octets are needed for that.
    private mutating func endInflating(_ side: Side, into notes: inout [Note]) -> Bool {
        switch side {
        case .client: Self.endInflating(&dialogue, &client, side, into: &notes)
        case .server: Self.endInflating(&dialogue, &server, side, into: &notes)
        }
    }

    private static func endInflating(
        _ dialogue: inout D, _ path: inout Stream, _ side: Side, into notes: inout [Note]
    ) -> Bool {
        defer { path.settle() }
        guard path.framer.isEmpty else {
            // More was deflated than the line that was to be the last.
            dialogue.deflationGoesOn(side)
            becomeOpaque(.compress, &dialogue, side, into: &notes)
            return true
        }
        switch path.inflater?.end() ?? .broken {
        case .ended:
            let rest = path.inflater?.rest() ?? []
            path.inflater = nil
            path.isUnproved = true
            dialogue.deflationEnded(side)
            if !rest.isEmpty { path.framer.append(rest) }
            return true
        case .needsMore: return false
        case .octets(let octets):
            dialogue.deflationGoesOn(side)
            becomeOpaque(.compress, &dialogue, side, into: &notes)
            path.framer.append(octets[...])
            return true
        case .broken:
            dialogue.deflationGoesOn(side)
            guard let rest = path.inflater?.rest(), !rest.isEmpty else { return false }
            loseStream(rest, &dialogue, &path, side, into: &notes)
            return true
        }
    }

    /// Follows octets of which nobody keeps a note, as far as that needs no copy of them: the inside of a message, and what
    /// is opaque. Gives how many it followed; the rest is for ``receive(_:from:into:)``.
    package mutating func pass(_ bytes: UnsafeRawBufferPointer, from side: Side) -> Int {
        if edge?.isOpen == true, dialogue.opaque == .tls { return 0 }
        switch side {
        case .client: return Self.pass(bytes, dialogue.isOpaque, &client)
        case .server: return Self.pass(bytes, dialogue.isOpaque, &server)
        }
    }

    private static func pass(_ bytes: UnsafeRawBufferPointer, _ isOpaque: Bool, _ path: inout Stream) -> Int {
        guard path.framer.isEmpty, !path.inflates else { return 0 }
        if isOpaque { return path.spokeOpaquely && !path.secretTail && !path.shownTail ? bytes.count : 0 }
        guard let content = path.content, case .message = content.kind else { return 0 }
        guard let remaining = path.remaining else { return path.framer.passDotTerminated(bytes) }
        // With its last octet content ends, which the dialogue must hear of.
        let count = min(bytes.count, remaining - 1)
        guard count > 0 else { return 0 }
        path.remaining = remaining - count
        return count
    }

    /// Follows octets of the inside of a message of which no note is wanted, as far as there is nothing to say of them and they
    /// need not be kept. Gives how many it followed; the rest is for ``receive(_:from:into:)``. Unlike what ``pass(_:from:)``
    /// follows, the dialogue hears of them.
    package mutating func passContent(_ bytes: ArraySlice<UInt8>, from side: Side) -> Int {
        if dialogue.isOpaque { return 0 }
        let count =
            switch side {
            case .client: Self.passContent(bytes, &client)
            case .server: Self.passContent(bytes, &server)
            }
        // Masks are for secrets, and no message is one.
        if count == bytes.count {
            _ = dialogue.accept(content: bytes, from: side)
        } else if count > 0 {
            _ = dialogue.accept(content: bytes.prefix(count), from: side)
        }
        return count
    }

    private static func passContent(_ bytes: ArraySlice<UInt8>, _ path: inout Stream) -> Int {
        guard path.isInMessage, path.framer.isEmpty, !path.inflates else { return 0 }
        guard let remaining = path.remaining else { return bytes.withUnsafeBytes { path.framer.passFlawless($0) } }
        // With its last octet content ends, which the dialogue must hear of.
        let count = max(0, min(bytes.count, remaining - 1))
        path.remaining = remaining - count
        return count
    }

    /// TLS was begun, and what both sides send under it is shown in plain. What is left of the clear octets is dropped: nothing
    /// of them is understood as if it had come under TLS.
    /// - Parameter exchange: the number of the exchange before; nil for the last that was seen.
    package mutating func beginUnderTLS(after exchange: Int? = nil) {
        dialogue.beginUnderTLS(after: exchange ?? dialogue.currentExchange)
        client = Stream()
        server = Stream()
        if edge != nil { edge = EdgeWatch() }
    }

    /// No more octets come from `side`. What was not whole is told as it is; what waits for an answer of the server goes on waiting for
    /// it, as long as the server has not ended as well: a client may end its side behind all that it has to say.
    package mutating func end(_ side: Side, into notes: inout [Note]) {
        switch side {
        case .client:
            client.hasEnded = true
            if server.hasEnded { endClient(into: &notes) } else if !isHeld { tellRest(.client, into: &notes) }
        case .server:
            server.hasEnded = true
            tellRest(.server, into: &notes)
            if client.hasEnded { endClient(into: &notes) }
        }
    }

    /// Both sides have ended.
    private mutating func endClient(into notes: inout [Note]) {
        if client.hasOctets, isHeld {
            dialogue.answerWillNotCome()
            settle(.client, into: &notes)
        }
        tellRest(.client, into: &notes)
    }

    /// What the client's octets are is for the server's next reply to decide.
    private var isHeld: Bool { dialogue.demand(.client) == .held }

    private mutating func tellRest(_ side: Side, into notes: inout [Note]) {
        switch side {
        case .client:
            let rest = client.framer.rest()
            if !rest.isEmpty { Self.tellRest(rest, &dialogue, &client, side, into: &notes) }
            Self.tellDeflated(dialogue, &client, side, into: &notes)
        case .server:
            let rest = server.framer.rest()
            if !rest.isEmpty { Self.tellRest(rest, &dialogue, &server, side, into: &notes) }
            Self.tellDeflated(dialogue, &server, side, into: &notes)
        }
    }

    /// What was received and may be deflated or not, when it is not going to be known.
    private static func tellDeflated(_ dialogue: D, _ path: inout Stream, _ side: Side, into notes: inout [Note]) {
        guard let rest = path.inflater?.rest(), !rest.isEmpty else { return }
        notes.append(
            Note(
                side, .incomplete, exchange: dialogue.currentExchange, raw: rest,
                masked: side == .client ? stars(rest) : nil))
    }

    /// What comes next from `side` came before the answer that it had to wait for: which can't be seen in a recording, where it
    /// stands behind that answer.
    package mutating func tellHaste(_ side: Side) {
        switch side {
        case .client: Self.tellHaste(&client)
        case .server: Self.tellHaste(&server)
        }
    }

    private static func tellHaste(_ path: inout Stream) {
        path.waited = true
        path.lineWaited = true
        path.settle()
    }

    /// Who recorded the session did not follow it from here on, because of what comes next from `side`: which can't be seen in
    /// a recording, where nothing is deflated.
    package mutating func stop(_ reason: OpaqueReason, at side: Side, into notes: inout [Note]) {
        switch side {
        case .client: Self.stop(reason, &dialogue, &client, side, into: &notes)
        case .server: Self.stop(reason, &dialogue, &server, side, into: &notes)
        }
        settle(side, into: &notes)
    }

    private static func stop(
        _ reason: OpaqueReason, _ dialogue: inout D, _ path: inout Stream, _ side: Side, into notes: inout [Note]
    ) {
        guard !dialogue.isOpaque else { return }
        let rest = path.framer.rest()
        if !rest.isEmpty { tellRest(rest, &dialogue, &path, side, into: &notes) }
        let violation = reason == .compress ? dialogue.brokenCompression(side) : nil
        dialogue.becomeOpaque(reason)
        path.speakOpaquely()
        path.settle()
        notes.append(
            Note(
                side, .opaque, exchange: dialogue.currentExchange, raw: [], facts: [.opaque(reason)],
                violations: violation.map { [$0] } ?? []))
    }

    /// Octets of `side` are missing here.
    /// - Parameter count: how many; nil when that is not known.
    package mutating func lose(_ side: Side, _ count: Int? = nil, into notes: inout [Note]) {
        if dialogue.opaque == .tls { edge?.lose(side) }
        switch side {
        case .client: Self.lose(&dialogue, &client, side, count, into: &notes)
        case .server: Self.lose(&dialogue, &server, side, count, into: &notes)
        }
        settle(side, into: &notes)
    }

    private static func lose(
        _ dialogue: inout D, _ path: inout Stream, _ side: Side, _ lost: Int?, into notes: inout [Note]
    ) {
        defer { path.settle() }
        var count = lost.map { max($0, 0) }
        if dialogue.isOpaque {
            // The first octets behind the edge may be among what is missing: who spoke first there is not known.
            path.speakOpaquely()
            notes.append(Note(side, .gap(count), exchange: dialogue.currentExchange, raw: []))
            return
        }
        if path.inflates {
            // Behind a hole nothing can be inflated any more: each octet stands on those before it.
            let rest = path.framer.rest()
            if !rest.isEmpty { tellRest(rest, &dialogue, &path, side, into: &notes) }
            tellDeflated(dialogue, &path, side, into: &notes)
            notes.append(
                Note(
                    side, .gap(count), exchange: dialogue.currentExchange, raw: [],
                    facts: [.opaque(.gap)]))
            dialogue.becomeOpaque(.gap)
            dialogue.deflationEnded(side)
            path.inflater = nil
            path.speakOpaquely()
            return
        }
        if let content = path.content, let remaining = path.remaining, let missing = count {
            // Where content ends is known, whatever stood in it.
            let inside = min(missing, remaining)
            notes.append(Note(side, .gap(inside), exchange: content.exchange, raw: []))
            path.remaining = remaining - inside
            if inside == remaining { endContent(&dialogue, &path, side, content, [], [], into: &notes) }
            if inside == missing { return }
            count = missing - inside
        }
        let rest = path.framer.rest()
        if !rest.isEmpty { tellRest(rest, &dialogue, &path, side, into: &notes) }
        notes.append(
            Note(
                side, .gap(count), exchange: path.content?.exchange ?? dialogue.currentExchange, raw: [],
                facts: path.content == nil ? [] : [.contentCut]))
        path.content = nil
        path.remaining = nil
        path.waited = false
        path.lineWaited = false
        path.begun = true
        path.unplacedTail = false
        path.isUnproved = false
        dialogue.lose(side)
        guard let reason = dialogue.opaque else { return }
        notes.append(Note(side, .opaque, exchange: dialogue.currentExchange, raw: [], facts: [.opaque(reason)]))
    }

    /// What was received and is not whole, when no more of it comes.
    private static func tellRest(
        _ rest: ArraySlice<UInt8>, _ dialogue: inout D, _ path: inout Stream, _ side: Side, into notes: inout [Note]
    ) {
        if let active = path.content {
            let masked = active.secret ? stars(rest) : dialogue.accept(content: rest, from: side)
            notes.append(Note(side, .content, exchange: active.exchange, raw: rest, masked: masked))
        } else {
            // What was held may be several lines.
            notes.append(
                Note(
                    side, .incomplete, exchange: dialogue.currentExchange, raw: rest,
                    masked: maskLines(rest, side, dialogue)))
        }
    }

    /// Cuts and follows all that can be cut of one side. True when there was something.
    private mutating func drain(_ side: Side, into notes: inout [Note]) -> Bool {
        // Static, with the dialogue and one path apart: both are changed in place and neither is copied.
        switch side {
        case .client:
            Self.drain(
                &dialogue, &client, &shown, side, yields: false, otherSpoke: server.spokeOpaquely, into: &notes)
        case .server:
            Self.drain(
                &dialogue, &server, &shown, side, yields: client.hasOctets, otherSpoke: client.spokeOpaquely,
                into: &notes)
        }
    }

    /// What nearly all octets are, lines of many, is cut first; all else is ``drainFrames(_:_:_:yields:otherSpoke:into:)``.
    private static func drain(
        _ dialogue: inout D, _ path: inout Stream, _ shown: inout ShownWords?, _ side: Side, yields: Bool,
        otherSpoke: Bool,
        into notes: inout [Note]
    ) -> Bool {
        var moved = false
        if path.isPlain, !path.framer.isEmpty,
            drainLines(&dialogue, &path, &shown, side, once: yields, into: &notes, &moved)
        {
            return true
        }
        if path.framer.isEmpty, !path.isInContent, dialogue.lineLimit(side) != nil { return moved }
        return drainFrames(&dialogue, &path, &shown, side, yields: yields, otherSpoke: otherSpoke, into: &notes)
            || moved
    }

    private static func drainFrames(
        _ dialogue: inout D, _ path: inout Stream, _ shown: inout ShownWords?, _ side: Side, yields: Bool,
        otherSpoke: Bool,
        into notes: inout [Note]
    ) -> Bool {
        var moved = false
        while true {
            if path.isPlain, drainLines(&dialogue, &path, &shown, side, once: yields, into: &notes, &moved) {
                return true
            }
            // Nothing to cut, and none needed to know it.
            if path.framer.isEmpty, !path.isInContent, dialogue.lineLimit(side) != nil { return moved }
            defer { path.settle() }
            switch dialogue.demand(side) {
            case .line(let limit):
                if path.framer.isEmpty { return moved }
                if path.isUnproved {
                    guard let isText = path.framer.beginsWithText else { return moved }
                    path.isUnproved = false
                    if !isText {
                        becomeOpaque(.compress, &dialogue, side, into: &notes)
                        moved = true
                        continue
                    }
                }
                if !path.begun || path.wasAtEdge, path.framer.beginsTLS {
                    becomeOpaque(.tls, &dialogue, side, into: &notes)
                    return true
                }
                if dialogue.mayHaveSecurityLayer, path.framer.beginsWrapped {
                    dialogue.becomeOpaque(.securityLayer)
                    notes.append(
                        Note(
                            side, .opaque, exchange: dialogue.currentExchange, raw: [],
                            facts: [.opaque(.securityLayer)]))
                    moved = true
                    continue
                }
                let length = path.framer.lineLength()
                // The place became certain in the middle of a line that is too long to be looked at.
                let isTail = path.unplacedTail
                if let length, length <= limit, !isTail {
                    path.waited = false
                    path.begun = true
                    let hasty = takeWaiting(&dialogue, &path, side)
                    let isAsked = acceptLine(path.framer.octets(length), &dialogue, &shown, side, into: &notes)
                    if let hasty {
                        notes[notes.count - 1].violations.append(hasty)
                        notes[notes.count - 1].cameEarly = true
                    }
                    // What stands behind the line that began it is deflated. An empty literal that was asked for is there
                    // at once, before anything else of the server.
                    // Nor is what stands behind the line that ended it.
                    let layer: Deflation = path.inflates ? .deflated : .none
                    if yields || isAsked || dialogue.deflation(side) != layer { return true }
                } else if length == nil, path.framer.count <= limit, !isTail {
                    return moved
                } else {
                    let rest = path.framer.restOfLine()
                    let isHidden = isTail && side == .client
                    let masked = isHidden ? rest.masking(0..<rest.count) : dialogue.mask(partial: rest, from: side)
                    let violations = isTail ? [] : [dialogue.lineTooLong(side)]
                    dialogue.becomeOpaque(.longLine)
                    let exchange = dialogue.currentExchange
                    path.unplacedTail = false
                    path.speakOpaquely()
                    path.secretTail = masked != nil && rest.last != 10
                    path.shownTail = masked == nil && rest.last != 10
                    notes.append(
                        Note(
                            side, .opaque, exchange: exchange, raw: rest, masked: masked, facts: [.opaque(.longLine)],
                            violations: violations))
                }
                moved = true
            case .content(let content, let extent):
                if !path.isInContent {
                    // Content begins with its first octet, so that it is told at the same place however octets come.
                    guard !path.framer.isEmpty || extent == .octets(0) else { return moved }
                    path.content = content
                    path.waited = false
                    switch extent {
                    case .dotTerminated:
                        path.framer.beginDotTerminated()
                        path.remaining = nil
                    case .octets(let count): path.remaining = max(count, 0)
                    }
                    let hasty = takeWaiting(&dialogue, &path, side)
                    notes.append(
                        Note(
                            side, .contentBegin(content), exchange: content.exchange, raw: [],
                            violations: hasty.map { [$0] } ?? []))
                    if hasty != nil { notes[notes.count - 1].cameEarly = true }
                    moved = true
                }
                guard cutContent(&dialogue, &path, side, content, into: &notes) else { return moved }
                if yields { return true }
                moved = true
            case .held:
                guard !path.framer.isEmpty else { return moved }
                path.waited = true
                if !path.lineWaited, path.framer.lineLength() != nil { path.lineWaited = true }
                guard path.framer.count > DialogueLimits.held else { return moved }
                // Masked by what they were about to be, which is forgotten a line later; as many however they came.
                let rest = path.framer.octets(DialogueLimits.held + 1)
                let masked = maskLines(rest, side, dialogue)
                dialogue.becomeOpaque(.holdLimit)
                let exchange = dialogue.currentExchange
                path.speakOpaquely()
                path.secretTail = masked != nil && rest.last != 10
                notes.append(
                    Note(
                        side, .opaque, exchange: exchange, raw: rest, masked: masked, facts: [.opaque(.holdLimit)]))
                moved = true
            case .seek(let limit):
                guard !path.framer.isEmpty else { return moved }
                if path.wasAtEdge, path.framer.beginsTLS {
                    becomeOpaque(.tls, &dialogue, side, into: &notes)
                    return true
                }
                // What waited before the gap is told: only octets that wait from here on can be behind an edge.
                path.waited = false
                path.lineWaited = false
                let length = path.framer.lineLength()
                if !path.unplacedTail, let length, length <= limit,
                    dialogue.takesContent(path.framer.front(length), from: side)
                {
                    moved = true
                    continue
                }
                if path.unplacedTail {
                    pass(path.framer.restOfLine(), &dialogue, &path, side, into: &notes)
                } else if let length, length <= limit {
                    _ = acceptLine(path.framer.octets(length), &dialogue, &shown, side, into: &notes)
                    // A line that shows itself to be no line, like a TLS record: its side has spoken behind the edge.
                    if notes.last?.element == .opaque { path.speakOpaquely() }
                    if yields { return true }
                } else if length == nil, path.framer.count <= limit {
                    return moved
                } else {
                    pass(path.framer.restOfLine(), &dialogue, &path, side, into: &notes)
                }
                moved = true
            case .opaque:
                guard !path.framer.isEmpty else { return moved }
                var violations: [Violation] = []
                if !path.spokeOpaquely {
                    let suspicious = side == .client ? path.waited : !otherSpoke
                    path.speakOpaquely()
                    if suspicious, let violation = dialogue.judgeAtEdge(side) { violations.append(violation) }
                }
                let cameEarly = side == .client && !violations.isEmpty
                if path.secretTail || path.shownTail {
                    let tail = path.framer.restOfLine()
                    let masked = path.secretTail ? tail.masking(0..<tail.count) : nil
                    if tail.last == 10 {
                        path.secretTail = false
                        path.shownTail = false
                    }
                    notes.append(
                        Note(
                            side, .opaque, exchange: dialogue.currentExchange, raw: tail, masked: masked,
                            violations: violations))
                } else {
                    // What came in clear at the edge, or goes on in clear unread, may be commands with a password.
                    let rest = path.opaqueEnd.map { path.framer.octets($0) } ?? path.framer.rest()
                    let masked =
                        dialogue.hidesOpaque(side)
                        ? stars(rest)
                        // What a server says there is no answer.
                        : violations.isEmpty || side == .server ? nil : maskLines(rest, side, dialogue)
                    notes.append(
                        Note(
                            side, .opaque, exchange: dialogue.currentExchange, raw: rest, masked: masked,
                            violations: violations))
                }
                if cameEarly { notes[notes.count - 1].cameEarly = true }
                if path.opaqueEnd != nil { return true }
                moved = true
            }
        }
    }

    /// Cuts lines for as long as they are lines of many. True when it is the other side's turn.
    ///
    /// Not inlined: what its callers keep ready for all other frames is not made ready for lines.
    @inline(never)
    private static func drainLines(
        _ dialogue: inout D, _ path: inout Stream, _ shown: inout ShownWords?, _ side: Side, once: Bool,
        into notes: inout [Note],
        _ moved: inout Bool
    ) -> Bool {
        while let limit = dialogue.lineLimit(side), let line = path.framer.plainLine(limit: limit) {
            // Consumed: kept here it would be counted once more.
            let letsGoOn = acceptLine(consume line, &dialogue, &shown, side, into: &notes)
            moved = true
            if once || letsGoOn || dialogue.deflation(side) != .none { return true }
        }
        return false
    }

    /// Shows a line to the dialogue and takes note of it. True when it lets the other side go on.
    private static func acceptLine(
        _ line: consuming ArraySlice<UInt8>, _ dialogue: inout D, _ shown: inout ShownWords?, _ side: Side,
        into notes: inout [Note]
    ) -> Bool {
        notes.append(Note(side, listens: dialogue.listens))
        let index = notes.count - 1
        // Said where it stays, and the octets handed over at the end: neither is copied.
        dialogue.accept(line: line, from: side, &notes[index].remarks)
        if dialogue.listens {
            switch side {
            case .client:
                if !notes[index].remarks.isPlain { shown = ShownWords.taking(shown, line, notes[index].remarks) }
            case .server: if let words = shown { shown = words.hide(in: line, &notes[index].remarks) }
            }
        } else {
            notes[index].remarks.settle()
        }
        notes[index].raw = line
        return notes[index].remarks.letsGoOn
    }

    /// The verdict on a side that did not wait as it must, at the first frame that it sent too early.
    private static func takeWaiting(_ dialogue: inout D, _ path: inout Stream, _ side: Side) -> Violation? {
        guard path.lineWaited else { return nil }
        path.lineWaited = false
        return dialogue.judgeWaiting(side)
    }

    /// A piece of a line that is too long to be looked at, behind a gap.
    private static func pass(
        _ piece: ArraySlice<UInt8>, _ dialogue: inout D, _ path: inout Stream, _ side: Side, into notes: inout [Note]
    ) {
        path.unplacedTail = piece.last != 10
        dialogue.passLine(side)
        let masked: ArraySlice<UInt8>? = side == .client ? piece.masking(0..<piece.count) : nil
        notes.append(Note(side, .unplaced, exchange: dialogue.currentExchange, raw: piece, masked: masked))
    }

    /// Cuts a piece of the content that is under way. False when more octets are needed.
    private static func cutContent(
        _ dialogue: inout D, _ path: inout Stream, _ side: Side, _ content: Content, into notes: inout [Note]
    ) -> Bool {
        var piece: ArraySlice<UInt8>
        var terminator: ArraySlice<UInt8>?
        var violations: [Violation] = []
        if let remaining = path.remaining {
            piece = path.framer.octets(remaining)
            path.remaining = remaining - piece.count
            terminator = piece.count == remaining ? [] : nil
        } else {
            let cut = path.framer.dotTerminated()
            piece = cut.piece
            terminator = cut.terminator
            if !cut.flaws.isEmpty { violations = dialogue.judge(cut.flaws, from: side) }
        }
        guard !piece.isEmpty || terminator != nil else { return false }
        if !piece.isEmpty {
            let seen = dialogue.accept(content: piece, from: side)
            notes.append(
                Note(
                    side, .content, exchange: content.exchange, raw: piece,
                    masked: content.secret ? stars(piece) : seen, violations: violations))
            violations = []
        }
        guard let terminator else { return false }
        if path.remaining == nil {
            let size = path.framer.dotContent
            dialogue.measured(octets: size.octets, stuffed: size.stuffed, from: side)
        }
        endContent(&dialogue, &path, side, content, terminator, violations, into: &notes)
        return true
    }

    private static func endContent(
        _ dialogue: inout D, _ path: inout Stream, _ side: Side, _ content: Content, _ terminator: ArraySlice<UInt8>,
        _ violations: [Violation], into notes: inout [Note]
    ) {
        path.content = nil
        path.remaining = nil
        let end = dialogue.contentEnded(from: side)
        notes.append(
            Note(
                side, .contentEnd, exchange: content.exchange, raw: terminator, facts: end.facts,
                violations: violations + end.violations))
    }

    /// Each line masked as a cut-off line of its side would be; nil when none may hold a secret.
    private static func maskLines(_ octets: ArraySlice<UInt8>, _ side: Side, _ dialogue: D) -> ArraySlice<UInt8>? {
        var masked: ArraySlice<UInt8> = []
        var isSecret = false
        var dialogue = dialogue
        var rest = octets
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 10).map { $0 + 1 } ?? rest.endIndex
            let line = rest[..<end]
            if let hidden = dialogue.mask(partial: line, from: side) {
                masked += hidden
                isSecret = true
                dialogue.expectSecrets()
            } else {
                masked += line
            }
            rest = rest[end...]
        }
        return isSecret ? masked : nil
    }

    private static func stars(_ octets: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        ArraySlice(repeating: UInt8(ascii: "*"), count: octets.count)
    }
}
