// A message on its way in: small ones stay in memory, large ones go to a spool file of the store, and one that is
// beyond the limit or broken is read to its end and forgotten. Shared by SMTP's DATA and BDAT and by IMAP's APPEND.

import MailDialogue

/// Collects a message.
struct MessageIntake: Equatable, Sendable {
    /// Why the message can't be taken. The first fault counts.
    enum Fault: Equatable, Sendable {
        case tooLarge
        case noSpace
        case failed
    }

    /// Octets held before a spool file is opened, and written to it at once.
    static var heldInMemory: Int { 262_144 }

    /// Octets that the client sent.
    private(set) var size = 0
    private(set) var fault: Fault?
    private(set) var spool: SpoolID?
    private var held: [UInt8]
    private let limit: Int

    /// - Parameters:
    ///   - limit: octets taken from the client.
    ///   - prefix: what we put on top; not counted.
    init(limit: Int, prefix: [UInt8] = []) {
        self.limit = limit
        held = prefix
    }

    /// A piece of the message as it is to be stored.
    mutating func take(_ piece: some Collection<UInt8>) {
        guard fault == nil else { return }
        let (sum, over) = size.addingReportingOverflow(piece.count)
        guard !over, sum <= limit else { return fail(.tooLarge) }
        size = sum
        held.append(contentsOf: piece)
    }

    mutating func fail(_ fault: Fault) {
        if self.fault == nil { self.fault = fault }
        held = []
    }

    /// What the store has to do before more is taken; nil when nothing.
    /// - Parameter isComplete: no more octets come.
    mutating func request(isComplete: Bool) -> StoreRequest? {
        if fault != nil {
            guard isComplete, let spool else { return nil }
            self.spool = nil
            return .dropSpool(spool)
        }
        guard let spool else { return held.count > Self.heldInMemory ? .openSpool : nil }
        guard held.count >= Self.heldInMemory || (isComplete && !held.isEmpty) else { return nil }
        let octets = held
        held = []
        return .appendToSpool(spool, octets)
    }

    /// The answer to `request`.
    mutating func accept(_ reply: StoreReply) {
        switch reply {
        case .spool(let id): spool = id
        case .done: break
        case .refused(.noSpace): fail(.noSpace)
        case .refused, .account, .scramKeys, .delivered, .mailboxes, .status, .opened, .changes, .octets, .structure,
            .appended,
            .copied:
            fail(.failed)
        }
    }

    /// The message, once `request(isComplete: true)` has nothing more to do; the store owns a spool file from here on.
    mutating func source() -> MessageSource {
        guard let spool else { return .octets(held) }
        self.spool = nil
        return .spool(spool)
    }
}
