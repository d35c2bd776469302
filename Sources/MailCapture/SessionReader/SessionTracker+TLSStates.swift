// What a reader keeps of a connection under TLS: before it is known to be a session, and within one.

import MailDialogue
import MailRecording

extension SessionTracker {
    /// A connection under TLS from its first octet, of which it is not known yet whether it is mail.
    final class Sealed {
        var follower: TLSFollower
        /// What came, as it was on the wire.
        var held: [FlowEvent] = []
        var heldOctets = 0
        /// Finds out what is spoken, once it can be read.
        var guess: ProtocolGuess?
        /// Finds out what is spoken where the server answered in clear, and of how many events that were held it knows.
        var answer: (guess: ProtocolGuess, events: Int)?
        /// What all that takes.
        let share: CommonMemory.Share

        init(_ follower: TLSFollower, _ memory: CommonMemory) {
            self.follower = follower
            share = CommonMemory.Share(memory)
        }
    }

    /// The TLS of a session that is followed.
    final class Cover {
        enum Mode {
            /// There are keys, and the handshake does not tell yet whether they are this connection's. Successors: both others.
            case undecided
            /// What came is opened. Successor: `watching`.
            case reading
            /// What came is passed on as it is.
            case watching
        }

        var follower: TLSFollower
        var mode: Mode
        /// What came while that was undecided.
        var held: [FlowEvent] = []
        var heldOctets = 0
        /// What it began with, which the session has seen.
        var first: [(side: Side, octets: ArraySlice<UInt8>)] = []
        /// What was told of it.
        var told: TLSObservation?
        /// What its handshake takes.
        let share: CommonMemory.Share

        init(_ follower: TLSFollower, _ mode: Mode, _ memory: CommonMemory) {
            self.follower = follower
            self.mode = mode
            share = CommonMemory.Share(memory)
        }
    }
}
