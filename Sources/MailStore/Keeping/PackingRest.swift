// When segments are not packed although the processor is free for moments: while much is recorded, those moments belong to mail
// (Docs/Decisions/072).

/// Whether the recorder has so much to do that packing waits. Counts what is recorded in quarters of a second.
struct RecordingPace {
    /// Microseconds over which octets are counted.
    static let span: Int64 = 250_000
    /// Octets in that time from which on packing waits: 64 MB a second.
    static let much = 16_000_000
    /// Microseconds after the last such time during which it still waits.
    static let rest: Int64 = 500_000

    private var began = Int64.min
    private var octets = 0

    /// Octets were recorded.
    /// - Parameter now: microseconds of a clock that never goes back.
    /// - Returns: until when packing waits, when it is to wait.
    mutating func recorded(_ count: Int, _ now: Int64) -> Int64? {
        if began == Int64.min || now &- began >= Self.span {
            began = now
            octets = 0
        }
        octets &+= count
        return octets >= Self.much ? now &+ Self.rest : nil
    }
}

/// What the thread that packs knows of its rests.
struct PackingRest {
    /// Segments that may be closed while it rests: 2 GiB of the usual size. Beyond, they are packed with what the processor has to spare,
    /// however much is recorded.
    static let most = 8

    /// How many had been closed when the rest began; nil when it does not rest.
    private var began: Int?

    /// Whether it rests now.
    /// - Parameters:
    ///   - closed: how many were closed so far.
    ///   - until: until when packing waits.
    mutating func goesOn(closed: Int, until: Int64, _ now: Int64) -> Bool {
        guard now < until else {
            began = nil
            return false
        }
        let first = began ?? closed
        began = first
        return closed &- first < Self.most
    }
}
